import { formatDiagnostic } from '../config/diagnostic.ts'
import { loadConfiguration } from '../config/load.ts'
import { findConfigFile } from '../config/sources.ts'
import { systemChance, systemClock } from '../edges.ts'
import { exitStatus } from '../exit-status.ts'
import { serverUrl } from '../protocol/transport.ts'
import { type Check, examine } from '../remote/doctor.ts'
import { fail } from '../result.ts'
import { tokenOf, transportOf } from './attach.ts'
import type { GlobalOptions } from './options.ts'
import { sayError } from './say.ts'
import { catchSignals } from './signals.ts'

export interface DoctorCommandOptions extends GlobalOptions {
  server?: string
  tokenFile?: string
  json: boolean
}

const marks: Record<Check['result'], string> = {
  ok: 'ok',
  warning: 'WARNING',
  failed: 'FAILED',
  skipped: 'skipped',
}

/** `runner doctor`: resolves to the exit status. */
export async function doctorCommand(options: DoctorCommandOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const loaded = loadConfiguration(findConfigFile(options.config, env), env)
  const findings = loaded.ok ? loaded.value.findings : loaded.failure
  const errors = findings.filter(({ severity }) => severity === 'error')
  for (const error of errors) sayError(`runner: ${formatDiagnostic(error)}\n`)
  if (!loaded.ok || errors.length > 0) return exitStatus.config
  const { remote, executor, runner } = loaded.value
  const url = options.server ?? remote.url
  using signals = catchSignals()
  signals.stop.addEventListener('abort', () => sayError('runner: ends when this check has ended\n'))
  signals.hurry.addEventListener('abort', () => {
    sayError('runner: the next `runner doctor` or `runner plugin run` removes what is left of it\n')
    process.exit(interrupted(signals.stop))
  })
  const checks: Check[] = []
  for await (const check of examine({
    ...{ remote, executor, minFree: runner.min_free, env },
    server: url === undefined ? fail('none is named: set url in [remote], or say --server') : serverUrl(url),
    transport: transportOf(remote),
    token: tokenOf(options.tokenFile ?? remote.token_file, remote.token),
    edges: { clock: systemClock, chance: systemChance },
  })) {
    checks.push(check)
    if (signals.stop.aborted) break
    if (options.json || (options.quiet && check.result !== 'failed')) continue
    process.stdout.write(`${marks[check.result].padEnd(8)} ${check.check}: ${check.message}\n`)
  }
  if (signals.stop.aborted) return interrupted(signals.stop)
  const well = checks.every(({ result }) => result !== 'failed')
  if (options.json) process.stdout.write(`${JSON.stringify({ ok: well, checks })}\n`)
  return well ? exitStatus.ok : exitStatus.unwell
}

const interrupted = ({ reason }: AbortSignal): number =>
  exitStatus.interrupted[reason as keyof typeof exitStatus.interrupted]
