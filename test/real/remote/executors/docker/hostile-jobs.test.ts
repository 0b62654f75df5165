import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../../../src/edges.ts'
import { EngineRig, executorNeeds, taskInput, value } from '../../../../support/executors.ts'
import { makeImage, withBusybox } from '../../../../support/images.ts'
import { testWith } from '../../../../support/require.ts'

t.setTimeout(900_000)

testWith(t, 'hostile jobs', executorNeeds, async t => {
  await using rig = await EngineRig.start()
  await makeImage(rig.engine, 'box', { fill: withBusybox })
  const test = rig.testsOf(t)
  /** A plugin that is a script. */
  const plugin = (script: string, more = {}) => ({
    command: ['sh', '-c', script],
    input: taskInput('test.Hostile', {}),
    ...more,
  })

  await test('links, pipes and devices in its exchange directory are not followed', async t => {
    const executor = await rig.launch('box')
    writeFileSync(join(rig.engine.directory, 'secret'), '{"exitCode": 0, "outputProperties": {"stolen": 1}}')
    for (const [script, said] of [
      ['ln -s /etc/passwd "$OUTPUT_LOCATION"', 'output is not a regular file'],
      [`ln -s ${rig.engine.directory}/secret "$OUTPUT_LOCATION"`, 'output is not a regular file'],
      ['mkfifo "$OUTPUT_LOCATION"', 'output is not a regular file'],
      ['mkdir "$OUTPUT_LOCATION"', 'output is not a regular file'],
      ['dd if=/dev/zero of="$OUTPUT_LOCATION" bs=1M count=3 2>/dev/null', 'output has 3145728 bytes'],
      ['echo "{" >"$OUTPUT_LOCATION"', 'its output is not JSON'],
      ['echo x >"$OUTPUT_LOCATION"', 'neither sealed under its SESSION_KEY nor JSON'],
    ] as const) {
      const end = await rig.run(executor, 'box', plugin(script))
      t.match(end, { outcome: 'failed', reason: 'output-invalid', output: null }, script)
      t.ok(end.error_message?.includes(said), end.error_message ?? '')
    }
    await executor.remove()
  })

  await test('it cannot say how it ended, or that it has', async t => {
    const script = `
cd "\${INPUT_LOCATION%/*}"
echo '00 0 exit 0 0 0' >exit; sleep 0.3; rm exit; ln -s /etc/passwd exit; sleep 0.2; mkdir -p d; rm exit
echo "ended 00 0" >/.runner/control/orders; echo "abort 00" >/.runner/control/orders; printf 'run ' >/.runner/control/orders
echo >/.runner/control/orders; sleep 0.3; echo still here; exit 4`
    const end = await rig.runAlone('box', { ...plugin(script) })
    t.match(end, { outcome: 'failed', exit_code: 4, log: 'still here\n' })
  })

  await test('it can neither read nor trace the supervisor, nor end before it has ended', async t => {
    for (const user of ['0', '1000']) {
      const look = `
for file in maps environ mem fd/3; do cat /proc/1/$file >/dev/null 2>&1 && echo "$file of the supervisor"; done
cat /.runner/control/key /.runner/control/busybox 2>/dev/null
env | grep -i rnr
cd "\${INPUT_LOCATION%/*}"; read -r half <started; echo "$half 0 exit 0 0 0" >exit
sleep 0.5; echo "\${#half} still here"; exit 4`
      const end = await rig.runAlone('box', plugin(look), { user })
      t.match(end, { outcome: 'failed', exit_code: 4, log: /^1[56] still here\n$/ }, `as user ${user}`)
    }
  })

  await test('orders that it has given are none, whether its container is used again or not', async t => {
    const script = `
mkdir /tmp/evil; echo "rnr_program=/bin/sh; rnr_workdir=/; set -- -c 'while :; do cat /.runner/jobs/*/order; done'" >/tmp/evil/order
while :; do echo "run ../../tmp/evil 00 0 100 TERM 0"; echo "run 00 ../../tmp/evil 00 0 100 TERM 0"; printf 'run '; done >/.runner/control/orders &
sleep 0.2`
    for (let round = 0; round < 5; round++) {
      const executor = await rig.launch('box')
      t.match(await rig.run(executor, 'box', { command: ['sh', '-c', script] }), { outcome: 'succeeded' })
      const clean = await executor.sweep()
      t.comment(clean ? 'used again' : 'not used again')
      if (!clean) {
        await executor.remove()
        continue
      }
      const next = await rig.run(executor, 'box', {
        command: ['sh', '-c', 'echo ran; exit 3'],
        secret_env: { PASSWORD: 'geheim' },
      })
      t.match(next, { outcome: 'failed', exit_code: 3, log: 'ran\n' })
      await executor.remove()
    }
  })

  await test('a flood of orders and of signals keeps no abort from it', async t => {
    for (const [title, flood] of [
      ['orders', 'yes junk >/.runner/control/orders'],
      ['signals', 'while :; do kill -CHLD 1; done'],
    ] as const) {
      const executor = await rig.launch('box')
      const script = `trap 'echo bye; exit 5' TERM
for i in 1 2 3 4; do (trap "" TERM; ${flood}) 2>/dev/null & done
for i in 1 2 3 4 5 6 7 8 9 10; do true; done; echo flooded; while :; do sleep 0.05; done`
      const job = await rig.start(executor, 'box', { command: ['sh', '-c', script] })
      await job.says('flooded')
      job.watch.abort()
      // Killed from outside, it would have left no status.
      t.match(await job.finished(), { outcome: 'aborted', exit_code: 5, log: 'flooded\nbye\n' }, title)
      await executor.remove()
    }
  })

  await test('its log is what it has written to its output, whatever it does to files', async t => {
    const script = `
cd /.runner/jobs/*; ls; MORE
for fd in /proc/[0-9]*/fd/*; do case $(ls -l "$fd" 2>/dev/null) in *logs/*) echo "$fd leads to it" ;; esac; done
echo end`
    for (const [title, more] of [
      ['a sparse file', 'dd if=/dev/zero of=log bs=1 count=1 seek=900M 2>/dev/null; echo made'],
      ['a pipe', 'mkfifo log; echo made'],
      ['a link', 'ln -s /etc/passwd log; echo made'],
      ['a directory', 'mkdir -p log/in/it; echo made'],
      ['all that it can open', 'for fd in /proc/[0-9]*/fd/*; do [ -f "$fd" ] && : >"$fd"; done; echo made'],
    ] as const) {
      const executor = await rig.launch('box', { user: '0' })
      const end = await rig.run(executor, 'box', {
        command: ['sh', '-c', script.replace('MORE', more)],
      })
      t.match(end, { outcome: 'succeeded', log: 'exit\norder\nstarted\nmade\nend\n', log_length: 28 }, title)
      await executor.remove()
    }
  })

  await test("what it has made where its end is to stand is in nobody's way", async t => {
    for (const make of [
      'mkdir -p exit/of/a/job',
      'mkfifo exit',
      'ln -s /dev/full exit',
      'echo forged >exit',
    ]) {
      const script = `cd /.runner/jobs/*; ${make}; echo made; exit 4`
      const end = await rig.runAlone('box', { command: ['sh', '-c', script] })
      t.match(end, { outcome: 'failed', exit_code: 4, log: 'made\n' }, make)
    }
  })

  // As root, runner gives the directory above to this user; with a rootless engine every root owns it.
  const owner = { user: '3' }

  await test('only the owner of the directory above can move its exchange directory', async t => {
    const executor = await rig.launch('box')
    const script = 'cd /.runner/jobs; mv * moved; ln -s /etc x; rm -rf *; ls -d *'
    const { log, execution } = await rig.run(executor, 'box', { command: ['sh', '-c', script] })
    t.match(log, new RegExp(`Permission denied\n[^]*\n${execution.id}\n$`))
    t.ok(await executor.sweep(), 'the executor can be used again')
    await executor.remove()
  })

  await test('it may move its directories, its log and its neighbours', async t => {
    for (const [title, script, expected] of [
      [
        'its exchange directory',
        'cd /.runner/jobs && mv * moved && echo moved',
        { log: 'moved\n', exit_code: 0 },
      ],
      [
        'its log',
        'cd /.runner/jobs/*; rm log; ln -s /etc/passwd log; echo gone',
        { log: 'gone\n', exit_code: 0 },
      ],
      ['everything', 'rm -rf /.runner/jobs/*; echo gone', { log: 'gone\n', reason: 'executor-lost' }],
      ['its working directory', 'mkdir /w; cd /w; rmdir /w; echo gone', { log: 'gone\n', exit_code: 0 }],
    ] as const) {
      const executor = await rig.launch('box', owner)
      t.match(await rig.run(executor, 'box', { command: ['sh', '-c', script] }), expected, title)
      if (title === 'its exchange directory')
        t.notOk(await executor.sweep(), 'the executor is not used again')
      await executor.remove()
    }
  })

  await test('a link in the place of its exchange directory leads nobody out of the container', async t => {
    const outside = join(rig.engine.directory, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'log'), 'of the host\n')
    const script = `cd /.runner/jobs; for name in *; do mv "$name" moved; ln -s ${outside} "$name"; done; echo gone`
    const executor = await rig.launch('box', owner)
    t.match(await rig.run(executor, 'box', { command: ['sh', '-c', script] }), {
      log: 'gone\n',
      exit_code: 0,
    })
    t.same(readdirSync(outside), ['log'])
    t.equal(readFileSync(join(outside, 'log'), 'utf8'), 'of the host\n')
    await executor.remove()
  })

  await test('a fork bomb ends with its job', async t => {
    const executor = await rig.launch('box')
    const end = await rig.run(executor, 'box', {
      command: ['sh', '-c', 'echo on; b() { b & b & wait; }; b 2>/dev/null'],
      max_time_seconds: 1,
      abort_timeout_seconds: 0.5,
    })
    t.match(end.log, /^on\n/)
    t.ok(await executor.sweep(), 'the executor can be used again')
    t.match(await rig.run(executor, 'box', { command: ['ps', '-o', 'args'] }), { log: /^COMMAND\n/ })
    const bomb = 'trap "" TERM; b() { trap "" TERM; b & b & wait; }; b 2>/dev/null'
    const limited = await rig.run(executor, 'box', {
      command: ['sh', '-c', bomb],
      max_time_seconds: 0.5,
      abort_timeout_seconds: 0.5,
    })
    t.ok(limited.exit_code !== null, 'it ended')
    t.ok(await executor.sweep(), 'after a bomb that ignores TERM too')
    await executor.remove()
  })

  await test('it may kill all that it can reach: that is its own end', async t => {
    const executor = await rig.launch('box')
    const end = await rig.run(executor, 'box', {
      command: ['sh', '-c', 'sleep 1000 & echo before; sleep 0.1; kill -9 -1; kill -9 1; sleep 1000'],
    })
    t.match(end, { outcome: 'failed', log: 'before\n' })
    t.ok(await executor.sweep(), 'the executor can be used again')
    const stopped = await rig.run(executor, 'box', {
      command: ['sh', '-c', 'echo before; kill -STOP -1; kill -STOP $$'],
      max_time_seconds: 0.5,
      abort_timeout_seconds: 0.3,
    })
    t.match(stopped, { outcome: 'failed', reason: 'timed-out', log: 'before\n' })
    await executor.remove()
  })

  await test('what it leaves running is killed: daemons, those that ignore TERM, thousands of them', async t => {
    const executor = await rig.launch('box', { pids: 1000 })
    const script = `
trap "" TERM HUP INT
for i in $(seq 100); do setsid sh -c 'trap "" TERM; while :; do sleep 1000; done' & done
i=0; while [ $i -lt 600 ]; do true & i=$((i+1)); done
sleep 0.2; echo done`
    const end = await rig.run(executor, 'box', { command: ['sh', '-c', script] })
    t.match(end, { outcome: 'succeeded', log: 'done\n' })
    const { log } = await rig.run(executor, 'box', { command: ['ps', '-o', 'args'] })
    t.notMatch(log, /sleep/)
    await executor.remove()
  })

  await test('some hundred megabytes of log come whole', async t => {
    const size = 300_000_000
    const executor = await rig.launch('box', { disk_limit: 2 ** 31 })
    const job = await rig.start(executor, 'box', {
      command: ['sh', '-c', `yes 0123456789abcdef | head -c ${size}`],
    })
    // Kept by its digest, not by the test.
    job.hear = () => {}
    const watched = await job.watch.ended
    const hash = createHash('sha256')
    const piece = Buffer.from('0123456789abcdef\n'.repeat(100_000))
    for (let left = size; left > 0; left -= piece.length)
      hash.update(piece.subarray(0, Math.min(left, piece.length)))
    t.match(watched, { end: { outcome: 'succeeded', log_length: size, log_sha256: hash.digest('hex') } })
    value(await job.handle.trim())
    await executor.remove()
  })

  await test('a file may not grow beyond the disk limit', async t => {
    const executor = await rig.launch('box', { disk_limit: 10 * 1024 ** 2 })
    const end = await rig.run(executor, 'box', {
      command: [
        'sh',
        '-c',
        'dd if=/dev/zero of=/big bs=1M count=50 2>/dev/null; echo $?; ls -l /big | wc -l; stat -c %s /big',
      ],
    })
    t.match(end.log, /^[1-9]\d*\n1\n10485760\n$/)
    await executor.remove()
  })

  const fast: typeof systemClock = {
    ...systemClock,
    monotonic: () => systemClock.monotonic() * 20,
    sleep: (seconds, signal) => systemClock.sleep(seconds / 20, signal),
  }

  await test('one that keeps its use of the disk from being measured is ended', async t => {
    const executor = await rig.launch('box')
    const missing = 'its files were not counted within 60 s'
    const looks = [{ bytes: 0, missing }, { bytes: 0 }, ...Array(9).fill({ bytes: 0, missing })]
    executor.disk.use = async () => looks.shift() ?? { bytes: 0 }
    const job = await rig.start(
      executor,
      'box',
      { command: ['sh', '-c', 'sleep 1000'], max_time_seconds: 0 },
      fast,
    )
    t.match(await job.finished(), {
      outcome: 'failed',
      reason: 'disk-full',
      error_message: new RegExp(missing),
    })
    t.equal(looks.length, 6, 'three looks in a row')
    await executor.remove()
  })

  await test('its disk is looked at while nobody takes its log', async t => {
    const executor = await rig.launch('box')
    const measured = Promise.withResolvers<void>()
    executor.disk.use = async () => {
      measured.resolve()
      return { bytes: 2 ** 40 }
    }
    const script = 'while :; do echo said; sleep 0.05; done'
    const job = await rig.start(executor, 'box', { command: ['sh', '-c', script], max_time_seconds: 0 }, fast)
    const over = new AbortController()
    let isLate = false
    const late = systemClock.sleep(60, over.signal).then(() => {
      isLate = !over.signal.aborted
    })
    job.hear = () => Promise.race([measured.promise, late])
    t.match(await job.finished(), { outcome: 'failed', reason: 'disk-full' })
    t.notOk(isLate, 'the log did not hold it up')
    over.abort()
    await executor.remove()
  })

  await test('deep and unreadable directories go with their job', async t => {
    const deep =
      'i=0; while [ $i -lt 400 ]; do mkdir dddddddddddddddd && cd -P dddddddddddddddd; i=$((i+1)); done 2>/dev/null'
    const own = await rig.runAlone(
      'box',
      {
        ...plugin(`cd "\${OUTPUT_LOCATION%/*}"; mkdir a; chmod 0 a; ${deep}; echo deep`),
      },
      { user: '1000' },
    )
    t.equal(own.log, 'deep\n')
    t.notOk(existsSync(join(own.execution.directory, 'leaf')))
    t.same(readdirSync(own.execution.directory).sort(), ['end.json', 'job.json', 'log', 'place.json'])
  })
})
