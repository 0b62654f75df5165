/*
 * Runs the conformance suite of host jobs, and tests of promises that only units make, on a machine with
 * systemd.
 */
import { resolve } from 'node:path'
import t from 'tap'
import { Machine, machineNeeds } from '../../../../support/machine.ts'
import { testWith } from '../../../../support/require.ts'

t.setTimeout(900_000)

const checkout = resolve(import.meta.dirname, '../../../../..')
const suite = 'test/real/remote/executors/host/on-machine.ts'

testWith(t, 'host jobs are units of systemd', machineNeeds, async t => {
  await using machine = await Machine.boot(`${checkout}:/srv/checkout:ro`)
  const node = process.execPath.replace(checkout, '/srv/checkout')
  // Its tests are subtests of this one, so a failure shows which of them failed.
  // Units do not inherit the variable, and a supervisor starts in half the time with it (host-subject.ts).
  const words = machine.execWords('/srv/checkout', 'env', 'NODE_COMPILE_CACHE=/tmp/compiled', node, suite)
  await t.spawn('docker', words, { name: suite, timeout: 240_000 })
  t.equal(
    await machine.sh("systemctl list-units --all --plain --no-legend 'runner-job-*'"),
    '',
    'no unit is left',
  )
})
