/* The reasons why a runner is not registered, through the real program; no engine is needed for that. */
import { writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { Attached } from '../../../support/attached.ts'
import { staticBusybox } from '../../../support/images.ts'
import { mounts } from '../../../support/mounts.ts'
import { type Component, machineId } from '../../../support/require.ts'
import { type Rig, rigTest } from '../../../support/rig.ts'
import { attach, configure } from '../../../support/without-engine.ts'

t.setTimeout(360_000)

const test = (title: string, body: (t: Test, rig: Rig) => Promise<unknown>, needs: Component[] = []) =>
  rigTest(t, title, { needs }, body)

test(
  'a server that is not there yet is waited for',
  async (t, rig) => {
    configure(rig, { url: 'http://127.0.0.1:9', token_file: 'none' })
    rig.file('none', 'rnr_registration_none')
    const runner = attach(rig)
    t.match(await runner.event('registration:failed'), {
      reason: 'server-refused',
      message: /nothing listens/,
    })
    t.match(await runner.event('engine:failed'), { message: /nowhere.sock/ })
    t.equal(await runner.stop(), 0)
  },
  [staticBusybox],
)

test(
  '/live, /ready and /metrics say how it is',
  async (t, rig) => {
    configure(rig, { url: 'http://127.0.0.1:9', token_file: 'token' })
    const runner = attach(rig)
    const { message } = await runner.event('notice', ({ message }) => message.includes('/live'))
    const url = message.match(/http:\S+/)![0]
    const get = async (path: string) => {
      const answer = await fetch(`${url}${path}`)
      return `${answer.status} ${await answer.text()}`
    }
    t.equal(await get('/live'), '200 live\n')
    await runner.event('engine:failed')
    t.match(await get('/ready'), /^503 registering: the engine at .*nowhere.sock/)
    t.match(await get('/metrics'), /^200 # HELP runner_ready .*\n# TYPE runner_ready gauge\nrunner_ready 0\n/)
    t.match(await get('/elsewhere'), /^404/)
    t.equal(await runner.stop(), 0)
  },
  [staticBusybox],
)

test(
  'an identity is made once, 0600, and a copy of the machine is told to take another',
  async (t, rig) => {
    configure(rig, { url: 'http://127.0.0.1:9', token_file: 'token' })
    const first = attach(rig)
    await first.event('registration:failed')
    t.equal(await first.stop(), 0)
    const { mkdirSync, readFileSync, statSync } = await import('node:fs')
    const file = rig.path('state', 'remote', 'identity.json')
    const identity = JSON.parse(readFileSync(file, 'utf8'))
    for (const name of ['identity.json', 'key.pem'])
      t.equal(statSync(rig.path('state', 'remote', name)).mode & 0o777, 0o600)
    writeFileSync(file, JSON.stringify({ ...identity, machine_id: 'f'.repeat(32) }))
    const copy = rig.start(['attach'])
    t.equal(await copy.ended, 78)
    t.match(copy.text, /another machine.*machine_id into .*--new-identity`, which gives up the copied jobs/)
    const spool = (...names: string[]) => rig.path('state', 'remote', 'spool', ...names)
    for (const id of ['one', 'two', 'three']) mkdirSync(spool(id), { recursive: true })
    writeFileSync(spool('three', 'end.json'), '{}')
    const anew = new Attached(rig.start(['attach', '--json', '--new-identity'], { lasting: true }))
    await anew.event('registration:failed')
    t.match(
      anew.all('notice').map(({ message }) => message)[0],
      new RegExp(`had not ended: 2, .* not delivered: 1; .* label runner.uuid=${identity.uuid}$`),
    )
    t.equal(await anew.stop(), 0)
    t.not(JSON.parse(readFileSync(file, 'utf8')).uuid, identity.uuid)
  },
  [machineId],
)

/** The machine without a machine id; of its board there is what a word says, of its disk nothing. */
const otherMachine = [
  'unshare',
  '-m',
  'sh',
  '-c',
  `set -e; board=$1; shift
mount -t tmpfs none /mnt
for path in /*; do
  if [ -L "$path" ]; then cp -P "$path" /mnt/
  elif [ -d "$path" ]; then mkdir "/mnt$path"; [ "$path" = /mnt ] || mount --rbind "$path" "/mnt$path"; fi
done
for file in /mnt/etc/machine-id /mnt/var/lib/dbus/machine-id; do
  [ ! -e "$file" ] || mount --bind /dev/null "$file"
done
for folder in class dev/block; do mount -t tmpfs none "/mnt/sys/$folder"; done
[ -z "$board" ] || { mkdir -p /mnt/sys/class/dmi/id; echo "$board" >/mnt/sys/class/dmi/id/product_uuid; }
exec chroot /mnt "$@"`,
  'sh',
]

test(
  'where there is no machine id a copy is known by its board, and where there is nothing that is said',
  async (t, rig) => {
    configure(rig, { url: 'http://127.0.0.1:9', token_file: 'token' })
    const start = (board: string, ...args: string[]) =>
      rig.start(['-c', rig.path('runner.cfg'), ...args], { lasting: true, before: [...otherMachine, board] })
    const begin = async (board: string) => {
      const runner = new Attached(start(board, 'attach', '--json'))
      await runner.event('registration:failed')
      t.equal(await runner.stop(), 0)
      return runner.all('notice').some(({ message }) => message.includes('neither a machine id'))
    }
    t.ok(await begin(''), 'nothing is known')
    t.notOk(await begin('4C4C4544-0042'), 'what is known by now is written down')
    const copy = start('4C4C4544-0043', 'attach')
    t.equal(await copy.ended, 78)
    t.match(copy.text, /another machine: .*another board or disk, remove hardware from .*--new-identity/)
    t.notOk(await begin('4C4C4544-0042'), 'the machine itself goes on')
    const withId = attach(rig)
    await withId.event('registration:failed')
    t.equal(await withId.stop(), 0, 'with a machine id too')
    const doctor = async (board: string) => {
      const run = start(board, 'doctor', '--json')
      await run.ended
      const { checks } = JSON.parse(Buffer.concat(run.out).toString()) as { checks: { check: string }[] }
      return checks.find(({ check }) => check === 'machine')
    }
    t.match(await doctor(''), {
      result: 'warning',
      message: /neither a machine id.*systemd-machine-id-setup/,
    })
    t.match(await doctor('4C4C4544-0042'), { result: 'ok', message: /its board or disk/ })
  },
  [mounts],
)
