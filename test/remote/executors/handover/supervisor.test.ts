import { readFileSync } from 'node:fs'
import { execaSync } from 'execa'
import t, { type Test } from 'tap'
import { parseExit } from '../../../../src/remote/executors/handover/order.ts'
import { supervisorFile } from '../../../../src/remote/executors/handover/supervisor.ts'

/** The functions of the supervisor that read control groups, with files of the test in the place of the kernel's. */
function counting(groups: string): string {
  const functions = /^rnr_measure\(\) \{$.*?^\}$|^rnr_account\(\) \{$.*?^\}$/gms
  const text = readFileSync(supervisorFile, 'utf8').match(functions)!.join('\n')
  return text.replaceAll('/sys/fs/cgroup', groups).replaceAll('/proc/self/cgroup', `${groups}/self`)
}

/** The use of a job between two states of the control groups. */
function usedBetween(t: Test, files: Record<string, [string, string]>) {
  const directory = t.testdir({ cpuacct: {}, memory: {} })
  const write = (at: 0 | 1) =>
    Object.entries(files).map(([name, texts]) => `printf '%s\\n' '${texts[at]}' >'${directory}/${name}'`)
  const before = 'rnr_measure; rnr_cpu_before=$rnr_cpu rnr_peak_before=$rnr_peak'
  const script = [counting(directory), ...write(0), before, ...write(1), 'rnr_account', 'echo "$rnr_used"']
  const { stdout, stderr } = execaSync('sh', ['-c', script.join('\n')])
  t.equal(stderr, '')
  return parseExit(`ab 0 exit 0 0 0\n${stdout}\n`, 'ab')!.used
}

t.test('what a container has used is read from its control groups', async t => {
  const unified = (one: string, other: string): Record<string, [string, string]> => ({
    self: ['0::/', '0::/'],
    'cpu.stat': [`usage_usec ${one}\nuser_usec 1`, `usage_usec ${other}\nuser_usec 1`],
  })
  await t.test('version 2', async t => {
    const files = { ...unified('1000', '2501000'), 'memory.peak': ['4096', '8192'] as [string, string] }
    t.same(usedBetween(t, files), { cpuSeconds: 2.5, peakMemoryBytes: 8192 })
  })
  await t.test('an earlier job had more memory, or the kernel keeps no peak', async t => {
    t.same(usedBetween(t, { ...unified('0', '1000'), 'memory.peak': ['4096', '4096'] }), {
      cpuSeconds: 0.001,
    })
    t.same(usedBetween(t, unified('0', '1000')), { cpuSeconds: 0.001 })
  })
  await t.test('version 2 without a namespace of its own shows the host, which is not the job', async t => {
    const host = '0::/system.slice/docker-1.scope'
    t.equal(usedBetween(t, { ...unified('1000', '2000'), self: [host, host] }), undefined)
  })
  await t.test('version 1', async t => {
    const files: Record<string, [string, string]> = {
      'cpuacct/cpuacct.usage': ['1000000', '501000999'],
      'memory/memory.max_usage_in_bytes': ['1', '20000000'],
    }
    t.same(usedBetween(t, files), { cpuSeconds: 0.5, peakMemoryBytes: 20_000_000 })
  })
  await t.test('without control groups nothing is known', async t => t.equal(usedBetween(t, {}), undefined))
})
