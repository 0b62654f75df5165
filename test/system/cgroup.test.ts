import t from 'tap'
import { countsUnits, useOfUnit } from '../../src/system/cgroup.ts'

const unit = 'runner-job-1.service'

t.test('a unit of version 2 is found by its path', async t => {
  const root = t.testdir({
    'system.slice': {
      [unit]: { 'cpu.stat': 'usage_usec 1500000\nuser_usec 1\n', 'memory.peak': '4096\n' },
    },
  })
  const groups = `0::/system.slice/${unit}\n`
  t.same(useOfUnit(groups, unit, root), { cpuSeconds: 1.5, peakMemoryBytes: 4096 })
  t.same(useOfUnit(groups, 'other.service', root), {}, 'this process is not in it')
})

t.test('a unit of version 1 has a path in each hierarchy', async t => {
  const path = { 'system.slice': { [unit]: { 'cpuacct.usage': '2500000000\n' } } }
  const memory = { 'system.slice': { [unit]: { 'memory.max_usage_in_bytes': '8192\n' } } }
  const root = t.testdir({ cpuacct: path, memory })
  const line = (number: number, controllers: string) => `${number}:${controllers}:/system.slice/${unit}`
  const groups = [line(4, 'memory'), line(3, 'cpu,cpuacct'), line(1, 'name=systemd'), '0::/', ''].join('\n')
  t.same(useOfUnit(groups, unit, root), { cpuSeconds: 2.5, peakMemoryBytes: 8192 })
})

t.test('what the kernel does not count is left out', async t => {
  t.same(useOfUnit(`0::/${unit}\n`, unit, t.testdir({ [unit]: { 'cpu.stat': 'what?\n' } })), {})
})

t.test('units are counted where systemd may write to the controllers', async t => {
  t.equal(countsUnits(t.testdir({ 'cgroup.controllers': 'cpuset cpu io memory pids\n' })), true)
  t.equal(countsUnits(t.testdir({ 'cgroup.controllers': 'cpuset cpu io pids\n' })), false)
  t.equal(countsUnits(t.testdir({ cpuacct: {}, memory: {} })), true)
  t.equal(countsUnits(t.testdir({ cpuacct: {}, systemd: {} })), false)
})
