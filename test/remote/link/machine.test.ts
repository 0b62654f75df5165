import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { differenceOf, isKnown, type Machine, readMachine } from '../../../src/remote/link/machine.ts'

/** A machine of files, below a directory. */
function machine(t: Test, files: Record<string, string>, env: NodeJS.ProcessEnv = {}): Machine {
  const root = t.testdir()
  const put = (path: string, text: string) => {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  for (const [path, text] of Object.entries(files)) put(path, text)
  const { dev } = statSync(root)
  const number = `${Math.floor(dev / 256) % 4096}:${(dev % 256) + Math.floor(dev / 2 ** 20) * 256}`
  if (Object.keys(files).some(path => path.startsWith('sys/devices'))) {
    mkdirSync(join(root, 'sys/devices/block/sda/sda1'), { recursive: true })
    mkdirSync(join(root, 'sys/dev/block'), { recursive: true })
    symlinkSync('../../devices/block/sda/sda1', join(root, 'sys/dev/block', number))
    mkdirSync(join(root, 'dev/disk/by-uuid'), { recursive: true })
    writeFileSync(join(root, 'dev/sda1'), '')
    symlinkSync('../../sda1', join(root, 'dev/disk/by-uuid/0000-1111'))
  }
  return readMachine(root, env, root)
}
const board = (uuid: string) => ({ 'sys/class/dmi/id/product_uuid': `${uuid}\n` })
const hashed = /^[0-9a-f]{32}$/

t.test('a machine is known by its id, its board, its disk, and by nothing that says nothing', async t => {
  const id = 'a'.repeat(32)
  t.same(machine(t, { 'etc/machine-id': `${id}\n` }), { machine_id: id })
  t.same(machine(t, { 'etc/machine-id': 'uninitialized\n' }), {})
  t.match(machine(t, board('4C4C4544-0042')), { hardware: { board_uuid: hashed } })
  const dead = ['Not Settable', '00000000-0000-0000-0000-000000000000', 'FFFFFFFF-FFFF', '\0']
  for (const text of [...dead, '03000200-0400-0500-0006-000700080009'])
    t.same(machine(t, board(text)), {}, text)
  const serial = { 'sys/class/dmi/id/product_serial': 'To be filled by O.E.M.\n' }
  t.same(machine(t, serial), {})
  t.match(machine(t, { ...serial, 'sys/class/dmi/id/board_serial': 'X7\n' }), {
    hardware: { board_serial: hashed },
  })
  t.match(machine(t, { 'proc/device-tree/serial-number': '10000000abcd\0' }), {
    hardware: { board_serial: hashed },
  })
  const disk = { 'sys/devices/block/sda/device/wwid': 'naa.5000\n', 'sys/devices/block/sda/serial': 'S1\n' }
  t.match(machine(t, disk), {
    hardware: { disk_wwid: hashed, disk_serial: hashed, file_system: hashed },
  })
})

t.test('the UUID of a file system alone tells no copy of a disk from it', async t => {
  const disk = { 'sys/devices/block/sda/size': '1\n' }
  const copied = machine(t, disk)
  t.match(Object.keys(copied.hardware ?? {}), ['file_system'])
  t.notOk(isKnown(copied))
  t.ok(isKnown(machine(t, { ...disk, 'sys/devices/block/sda/serial': 'S1\n' })))
  t.ok(isKnown({ machine_id: 'a'.repeat(32) }))
  t.notOk(isKnown({}))
})

t.test('in a container the board is not its own', async t => {
  t.same(machine(t, { ...board('4C4C4544-0042'), '.dockerenv': '' }), {})
  t.same(machine(t, board('4C4C4544-0042'), { KUBERNETES_SERVICE_HOST: '10.0.0.1' }), {})
})

t.test('two machines differ by the first that is known of both', async t => {
  const one = { machine_id: 'a', hardware: { board_uuid: 'x', disk_serial: 'd' } }
  const differences: [Machine, Machine, keyof Machine | undefined][] = [
    [{}, one, undefined],
    [one, {}, undefined],
    [one, { machine_id: 'b' }, 'machine_id'],
    [one, { machine_id: 'a', hardware: { board_uuid: 'y' } }, undefined],
    [{ hardware: { board_uuid: 'x' } }, one, undefined],
    [{ hardware: { board_uuid: 'y' } }, one, 'hardware'],
    [{ hardware: { disk_serial: 'd', board_serial: 's' } }, one, undefined],
    [{ hardware: { disk_serial: 'e' } }, one, 'hardware'],
    [{ hardware: { file_system: 'e' } }, one, undefined],
  ]
  for (const [a, b, expected] of differences) t.equal(differenceOf(a, b), expected, JSON.stringify([a, b]))
})
