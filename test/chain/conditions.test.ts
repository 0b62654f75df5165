import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { unmetCondition } from '../../src/chain/conditions.ts'
import type { HostFiles } from '../../src/chain/host-files.ts'
import { readInstance } from '../../src/chain/instance.ts'
import { loadTask } from '../../src/config/task-settings.ts'

function hostIn(dir: string): HostFiles {
  return {
    commandLine: join(dir, 'cmdline'),
    firstBoot: join(dir, 'first-boot'),
    systemd: join(dir, 'systemd'),
    machineId: join(dir, 'machine-id'),
    instanceData: join(dir, 'instance-data.json'),
  }
}

/** Whether a task with one condition would run. */
function runs(files: HostFiles, key: string, value: string): boolean {
  const { settings, findings } = loadTask([new Map([[key, { value }]])], new Map(), '/runner.cfg')
  t.same(findings, [], `${key} = ${value}`)
  return unmetCondition(settings, files) === undefined
}

t.test(
  'a word of the kernel command line is found alone or before =, an assignment only as a whole',
  async t => {
    const files = hostIn(t.testdir({ cmdline: 'BOOT_IMAGE=/vmlinuz quiet mode=rescue note="two words"\n' }))
    const key = 'condition_kernel_command_line'
    for (const found of [
      'quiet',
      'mode',
      'mode=rescue',
      'note=two words',
      '!mod',
      '!mode=resc',
      '!rescue',
      '! loud',
    ])
      t.ok(runs(files, key, found), found)
    for (const missing of ['mod', 'mode=', 'rescue', '!quiet', 'quiet\nloud', 'two'])
      t.notOk(runs(files, key, missing), missing)
    rmSync(files.commandLine)
    t.throws(() => runs(files, key, 'quiet'), /ENOENT|no such file/)
  },
)

t.test(
  'the first boot is told by systemd where it runs, else by a machine id that is empty or missing',
  async t => {
    const dir = t.testdir({ 'machine-id': '' })
    const files = hostIn(dir)
    const isFirst = () => {
      const first = runs(files, 'condition_first_boot', 'yes')
      for (const value of ['no', '!yes']) t.equal(runs(files, 'condition_first_boot', value), !first, value)
      return first
    }
    t.equal(isFirst(), true, 'empty')
    writeFileSync(files.machineId, 'uninitialized\n')
    t.equal(isFirst(), true, 'uninitialized')
    writeFileSync(files.machineId, '0123456789abcdef0123456789abcdef\n')
    t.equal(isFirst(), false)
    rmSync(files.machineId)
    t.equal(isFirst(), true, 'missing')
    mkdirSync(files.systemd)
    t.equal(isFirst(), false, 'systemd has no such file')
    writeFileSync(files.firstBoot, '')
    t.equal(isFirst(), true)
  },
)

t.test(
  'the instance is that of cloud-init, else the machine id, and is not known where they say nothing',
  async t => {
    const files = hostIn(t.testdir())
    t.match(readInstance(files), { ok: false, failure: /machine-id cannot be read: / })
    for (const wrong of ['', 'uninitialized', 'not an id']) {
      writeFileSync(files.machineId, wrong)
      t.match(readInstance(files), { ok: false, failure: /has no machine id$/ }, wrong)
    }
    writeFileSync(files.machineId, '0123456789abcdef0123456789abcdef\n')
    t.same(readInstance(files), { ok: true, value: 'machine-id 0123456789abcdef0123456789abcdef' })
    for (const id of ['instance_id', 'instance-id']) {
      writeFileSync(files.instanceData, JSON.stringify({ v1: { [id]: 'i-0abc' } }))
      t.same(readInstance(files), { ok: true, value: 'cloud-init i-0abc' })
    }
    for (const wrong of [
      '',
      '{',
      'null',
      '{"v1":null}',
      '{"v1":{"instance_id":7}}',
      '{"v1":{"instance_id":""}}',
    ]) {
      writeFileSync(files.instanceData, wrong)
      t.match(readInstance(files), { ok: false, failure: /names no instance$/ }, wrong)
    }
    rmSync(files.instanceData)
    mkdirSync(files.instanceData)
    t.match(readInstance(files), { ok: false, failure: /cannot be read: it is a directory$/ })
  },
)
