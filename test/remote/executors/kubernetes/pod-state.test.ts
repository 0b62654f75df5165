import t from 'tap'
import type { ContainerStatus, PodObject } from '../../../../src/remote/executors/kubernetes/objects.ts'
import { podStateOf } from '../../../../src/remote/executors/kubernetes/pod-state.ts'

type Status = NonNullable<PodObject['status']>

const times = { startedAt: '2026-01-01T10:00:00Z', finishedAt: '2026-01-01T10:00:05Z' }

const pod = (status: Status, { node = 'node', meta = {} } = {}): PodObject => ({
  metadata: { name: 'runner-1', ...meta },
  spec: node === '' ? {} : { nodeName: node },
  status,
})
const withState = (state: NonNullable<ContainerStatus['state']>, more: Status = {}, meta = {}) =>
  podStateOf(pod({ ...more, containerStatuses: [{ name: 'job', state }] }, { meta }))

t.test('a pod waits for a node, for its image or for its container, and says why', async t => {
  t.match(podStateOf(pod({ phase: 'Pending' }, { node: '' })), { at: 'waiting', kind: 'node' })
  const message = '0/3 nodes are available: 3 Insufficient memory.'
  const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }
  t.match(podStateOf(pod({ conditions: [condition] }, { node: '' })), {
    at: 'waiting',
    kind: 'node',
    message: /no node .* Insufficient memory/,
  })
  t.match(withState({ waiting: { reason: 'ContainerCreating' } }), { at: 'waiting', kind: 'container' })
  for (const reason of ['InvalidImageName', 'ErrImageNeverPull'])
    t.match(withState({ waiting: { reason } }), { kind: 'name', reason: 'image-missing' })
  for (const reason of ['ErrImagePull', 'ImagePullBackOff'])
    t.match(withState({ waiting: { reason, message: 'no such image' } }), {
      at: 'waiting',
      kind: 'image',
      reason: 'image-not-pulled',
      message: /no such image/,
    })
  t.match(withState({ waiting: { reason: 'CreateContainerError', message: 'no command' } }), {
    at: 'waiting',
    kind: 'refused',
    message: /CreateContainerError: no command/,
  })
})

t.test('a container that runs says since when, and one that has ended how', async t => {
  const { startedAt } = times
  t.same(withState({ running: { startedAt } }), { at: 'running', startedAt: new Date(startedAt) })
  t.match(withState({ terminated: { exitCode: 3, reason: 'Error', ...times } }), {
    at: 'ended',
    end: 'status',
    code: 3,
    never: false,
    times: { startedAt: new Date(startedAt), finishedAt: new Date(times.finishedAt) },
  })
  t.match(withState({ terminated: { exitCode: 137, reason: 'OOMKilled', ...times } }), { end: 'oom' })
  for (const reason of ['ContainerCannotRun', 'StartError'])
    t.match(withState({ terminated: { exitCode: 127, reason, message: 'no such file' } }), {
      end: 'not-startable',
      message: 'no such file',
    })
})

t.test('each way in which a cluster ends a pod is one of its own', async t => {
  const failed = (reason: string, message = '') => podStateOf(pod({ phase: 'Failed', reason, message }))
  t.match(failed('Evicted', 'The node was low on resource: memory.'), { end: 'evicted', message: /memory/ })
  t.match(failed('Evicted', 'Pod ephemeral local storage usage exceeds the total limit of containers 1Mi.'), {
    end: 'disk',
  })
  t.match(failed('Preempting', 'for a pod'), { end: 'preempted' })
  t.match(failed('NodeLost'), { end: 'node-lost' })
  t.match(failed('DeadlineExceeded'), { end: 'time-limit' })
  t.match(failed('', ''), { end: 'lost', never: false })
  t.match(podStateOf(pod({ phase: 'Failed', reason: 'Evicted' }, { node: '' })), { never: true })
})

t.test(
  'a job that ended because its pod was deleted is lost, and one that had ended before is not',
  async t => {
    const terminated = { exitCode: 0, reason: 'Completed', ...times }
    const deleted = (deletionTimestamp: string) =>
      withState({ terminated }, {}, { deletionTimestamp, deletionGracePeriodSeconds: 30 })
    t.match(deleted('2026-01-01T10:00:35Z'), { end: 'lost' }, 'asked for in the same second')
    t.match(deleted('2026-01-01T10:00:36Z'), { end: 'status', code: 0 }, 'asked for a second later')
  },
)
