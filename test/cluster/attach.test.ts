/* Jobs of an attached runner that is on this machine, in pods of a cluster. */
import t, { type Test } from 'tap'
import { clusterNeeds } from '../support/cluster.ts'
import { boxImage, PodRig, podTest } from '../support/pods.ts'
import '../support/reaper.ts'
import { testWith } from '../support/require.ts'

t.setTimeout(1_800_000)

testWith(t, 'an attached runner with a cluster', clusterNeeds, async t => {
  await using rig = await PodRig.start()
  const { cluster } = rig
  const namespace = await rig.cluster.namespace()
  const executor = `backend = kubernetes\nkubeconfig = ${namespace.kubeconfig}`
  /** A job that says that it began, and goes on once a hold is released. */
  const held = (name: string) => [
    'sh',
    '-c',
    `echo began; until ${rig.holdTest(name)}; do sleep 0.1; done; echo went on`,
  ]
  const box = { image: boxImage }
  const onlyPod = async () => {
    const names = await cluster.kubectl('-n', namespace.name, 'get', 'pods', '-o', 'name')
    return names.split('\n')[0]!.replace('pod/', '')
  }

  await podTest(t, 'jobs of one runner', rig, namespace, async (t, fleet) => {
    const runner = await fleet.attach('one', {}, executor)
    const test = (title: string, body: (t: Test) => Promise<unknown>) => t.test(title, body)

    await test('a job goes from submit to its end, with its log and its status', async t => {
      const { rig, server } = fleet
      const access = ['--server', server.url, '--token-file', rig.path('state', 'server', 'admin.token')]
      const submit = (...args: string[]) => rig.start(['submit', ...access, '--wait', ...args])
      const job = submit('--image', boxImage, '--', 'sh', '-c', 'echo hello; printf end; exit 3')
      t.equal(await job.ended, 3)
      t.equal(Buffer.concat(job.out).toString(), 'hello\nend')
      rig.file('password', 'correct horse')
      const secret = submit(
        '--image',
        boxImage,
        '--secret',
        'WORD=@password',
        '--',
        'sh',
        '-c',
        'echo "<$WORD>"',
      )
      t.equal(await secret.ended, 0, secret.text)
      t.match(Buffer.concat(secret.out).toString(), /<\*+>/, 'it has its secret, and the log does not')
    })

    await test('an abort ends a job with its signal', async t => {
      const script = "trap 'echo bye; exit 4' TERM; echo began; while :; do sleep 0.05; done"
      const { id } = await fleet.submit({ ...box, command: ['sh', '-c', script], abort_timeout_seconds: 10 })
      await fleet.began(id)
      await fleet.server.call('POST', `/v1/executions/${id}/abort`)
      t.match(await fleet.ended(id), { state: 'aborted', exit_code: 4 })
      t.equal(await fleet.log(id), 'began\nbye\n')
    })

    await test('a time limit ends a job', async t => {
      const command = ['sh', '-c', 'echo began; sleep 60']
      const { id } = await fleet.submit({ ...box, command, max_time_seconds: 2, abort_timeout_seconds: 1 })
      t.match(await fleet.ended(id), { state: 'failed', reason: 'timed-out' })
    })

    await test('a job of more memory than it may have is ended', async t => {
      const command = ['sh', '-c', 'x=$(head -c 400000000 /dev/zero | tr "\\0" x); echo "$x" | tail -c 1']
      const { id } = await fleet.submit({ ...box, command })
      t.match(await fleet.ended(id), { state: 'failed', reason: 'out-of-memory' })
    })

    await test('a program that is not in the image, and an image that cannot be had, are told apart', async t => {
      const { id } = await fleet.submit({ ...box, command: ['/no/such/program'] })
      t.match(await fleet.ended(id), { state: 'failed', reason: 'not-startable' })
      t.match(await fleet.log(id), /no such file/)
    })

    await test('a plugin is refused with what to do', async t => {
      const input = { task: { id: 'Task1', type: 'test.a', properties: [] }, release: { id: 'Release1' } }
      const { id } = await fleet.server.submit({ ...box, kind: 'plugin', input })
      const end = await fleet.ended(id)
      t.match(end, { state: 'failed', reason: 'job-invalid', error_message: /backend = docker/ })
    })

    await test('a pod that somebody deletes is a lost job', async t => {
      const { id } = await fleet.submit({ ...box, command: held('never') })
      await fleet.began(id)
      const name = await onlyPod()
      await cluster.kubectl('-n', namespace.name, 'delete', 'pod', name, '--grace-period=1')
      t.match(await fleet.ended(id), { state: 'failed', reason: 'executor-lost' })
    })

    await test('doctor says what the cluster gives, and what is missing', async t => {
      const well = fleet.command('one', 'doctor')
      await well.ended
      t.match(well.text, /engine: Kubernetes v1\.20/)
      t.match(well.text, /a job: the cluster gives all rights, and would take a pod; none was started/)
      const edit = ['-n', namespace.name, 'delete', 'rolebinding', 'runner']
      await cluster.kubectl(...edit)
      const ill = fleet.command('one', 'doctor')
      t.not(await ill.ended, 0)
      t.match(ill.text, /forbids GET pods .* Role of deploy\/kubernetes\/rbac\.yaml/)
      await cluster.kubectl('-n', namespace.name, 'apply', '-f', 'deploy/kubernetes/rbac.yaml')
    })

    t.equal(await runner.stop(), 0)
  })

  await podTest(t, 'a runner that is killed in mid-job loses nothing', rig, namespace, async (t, fleet) => {
    const first = await fleet.attach('two', {}, executor)
    const { id } = await fleet.submit({ ...box, command: held('two') })
    await fleet.began(id)
    await first.stop('SIGKILL')
    rig.release('two')
    const second = await fleet.start('two').ready()
    t.match(await fleet.ended(id), { state: 'succeeded', attempt: 1 })
    t.equal(await fleet.log(id), 'began\nwent on\n')
    t.equal(await second.stop(), 0)
  })
})
