import { systemChance, systemClock } from '../edges.ts'
import { exitStatus } from '../exit-status.ts'
import { jsonText } from '../process/printable.ts'
import { serverUrl } from '../protocol/transport.ts'
import { type Check, examine } from '../remote/doctor.ts'
import { fail } from '../result.ts'
import { tokenOf, transportOf } from './attach.ts'
import { loadSound, unfitDirectories } from './load-configuration.ts'
import type { GlobalOptions } from './options.ts'
import { print, sayError } from './say.ts'
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
  const loaded = loadSound(options, env)
  if (loaded === undefined) return exitStatus.config
  const { remote, executor, runner } = loaded
  const unfit = unfitDirectories([remote.state_dir, remote.work_dir], options)
  if (unfit !== undefined) {
    sayError(`runner: ${unfit}\n`)
    return exitStatus.config
  }
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
    print(`${marks[check.result].padEnd(8)} ${check.check}: ${check.message}\n`)
  }
  if (signals.stop.aborted) return interrupted(signals.stop)
  const well = checks.every(({ result }) => result !== 'failed')
  if (options.json) print(`${jsonText({ ok: well, checks })}\n`)
  return well ? exitStatus.ok : exitStatus.unwell
}

const interrupted = ({ reason }: AbortSignal): number =>
  exitStatus.interrupted[reason as keyof typeof exitStatus.interrupted]
