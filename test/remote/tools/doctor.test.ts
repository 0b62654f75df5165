import t from 'tap'
import { examine } from '../../../src/remote/tools/doctor.ts'
import type { DoctorCheck } from '../../../src/remote/tools/doctor-check.ts'
import { ok } from '../../../src/result.ts'
import { type RunnerHome, runnerTest } from '../../support/fake-runner.ts'

t.setTimeout(360_000)

/** The checks of a home, by name. */
async function checksOf(home: RunnerHome, minFree = 0) {
  const options = { ...home.options(), minFree }
  const { server } = options
  const all: DoctorCheck[] = []
  for await (const check of examine({
    ...options,
    server: ok(server),
    transport: ok({}),
    token: options.registrationToken(),
  }))
    all.push(check)
  return new Map(all.map(({ check, ...found }) => [check, found]))
}

runnerTest(t, 'doctor speaks of a backend in its own words', async (t, { home }) => {
  const diskLimit = { holds: 'every drawer is weighed', gap: 'what lies under drawers is not weighed' }
  const own = {
    slot: 'drawer',
    tried: 'one lay in a drawer',
    makeRoom: 'empty the drawers',
    diskLimit,
    notes: ['of oak'],
  }
  Object.assign(home.machine.facts, own)
  const checks = await checksOf(home)
  t.match(checks.get('a job'), { result: 'ok', message: 'one lay in a drawer' })
  t.match(checks.get('reuse'), { result: 'ok', message: /^a drawer is used again .*\(of oak\)$/ })
  t.match(checks.get('disk limit'), { result: 'warning', message: diskLimit.gap })
  t.match(checks.get('server'), { result: 'ok' })
  t.match(checks.get('registration token'), {
    result: 'warning',
    message:
      /any name, group and capability, does not expire, .*: replace it .* --names PATTERN .* revoke it by `runner token revoke [0-9a-f-]+`; /,
  })
  t.match((await checksOf(home, Number.MAX_SAFE_INTEGER)).get('disk'), {
    result: 'failed',
    message: /no work is taken: empty the drawers, or set min_free/,
  })
  const failure = {
    reason: 'engine-unreachable',
    message: 'the cupboard is locked; open it',
    retry: 'soon',
  } as const
  home.machine.fail('health', failure, 1)
  const away = await checksOf(home)
  t.match(away.get('engine'), { result: 'failed', message: failure.message })
  t.match(away.get('a job'), { result: 'skipped' })
  const texts = [...checks, ...away].filter(([check]) => !['host', 'state directory', 'disk'].includes(check))
  t.notMatch(texts.map(([, { message }]) => message).join('\n'), /docker|container|busybox/i)
})

/** The texts of doctor about the token of a runner that was attached for a moment. */
const tokenTexts: [days: number, text: RegExp][] = [
  [
    30,
    /^this runner is registered, and its own token is valid until 20\d\d-.*; the runner renews it before that$/,
  ],
  [
    0,
    /^this runner is registered, .* does not expire: an older release .* a restart .*, or .* credentials_days = 0$/,
  ],
  [
    1 / 86_400,
    /^this runner is registered, and its own token has expired: the runner renews it when it is attached$/,
  ],
]
for (const [credentials_days, text] of tokenTexts)
  runnerTest(
    t,
    `doctor says how long the token of a runner is valid: credentials_days = ${credentials_days}`,
    async (t, { home, start }) => {
      t.equal(await (await start().ready()).stop(), 'stopped')
      let found = (await checksOf(home)).get('token')
      // A token that expires within a second is still valid before that.
      while (credentials_days === 1 / 86_400 && /is valid until/.test(found!.message))
        found = (await checksOf(home)).get('token')
      t.match(found, { result: 'ok', message: text })
    },
    { credentials_days },
  )
