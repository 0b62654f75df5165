import { existsSync } from 'node:fs'
import { formatDiagnostic } from '../../config/diagnostic.ts'
import type { Configuration } from '../../config/load.ts'
import { systemChance, systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { serverUrl } from '../../protocol/client/transport.ts'
import { loadBackend } from '../../remote/executors/open.ts'
import { examine } from '../../remote/tools/doctor.ts'
import type { DoctorCheck } from '../../remote/tools/doctor-check.ts'
import { tokenWarnings } from '../../remote/tools/token-warnings.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { fail } from '../../result.ts'
import { shellQuote } from '../../system/shell-quote.ts'
import { loadSound, refusesDirectories } from '../config.ts'
import { defineCommand, type NewCommand, type OptionsOf } from '../define-command.ts'
import { problemsOfTarget } from '../notify-files.ts'
import { localServer, makeClient } from '../operator/connect.ts'
import { allRunners } from '../operator/find-runner.ts'
import { collectPages } from '../operator/pages.ts'
import { catchSignals, interruptedBy } from '../signals.ts'
import { noServerText, tokenOf, transportOf } from './remote-files.ts'

const options = (command: NewCommand) =>
  command
    .option('--server <url>', 'address of the server, instead of url in [remote]')
    .option('--token-file <file>', 'file with a registration token, instead of token_file in [remote]')
    .option('--json', 'print one JSON object', false)

type Options = OptionsOf<typeof options>

const marks: Record<DoctorCheck['result'], string> = {
  ok: 'ok',
  warning: 'WARNING',
  failed: 'FAILED',
  skipped: 'skipped',
}

/** Checks all that `runner attach` needs; resolves to the exit status. */
async function doctor(options: Options, env: NodeJS.ProcessEnv): Promise<number> {
  const loaded = loadSound(options, env)
  if (loaded === undefined) return exitStatus.config
  const { remote, executor, runner } = loaded
  if (refusesDirectories([remote.state_dir, remote.work_dir], options)) return exitStatus.config
  // Where no server is named it may be that of this host, as for the commands to a server.
  const { server: _, tokenFile: __, ...rest } = options
  const found = localServer(rest, env)
  const named = options.server ?? remote.url
  const local =
    named === undefined && found.ok && existsSync(found.value.registrationFile) ? found.value : undefined
  const url = named ?? local?.url.href
  const tokenFile = options.tokenFile ?? remote.token_file ?? local?.registrationFile
  using signals = catchSignals()
  signals.stop.addEventListener('abort', () =>
    sayError('runner: stops when this check has ended; Ctrl-C again stops it at once\n'),
  )
  signals.hurry.addEventListener('abort', () => {
    sayError('runner: the next `runner doctor` or `runner plugin run` removes what this one leaves behind\n')
    process.exit(interruptedBy(signals.stop))
  })
  const checks: DoctorCheck[] = []
  const examined = examine({
    remote,
    executor,
    openBackend: await loadBackend(executor.backend),
    minFree: runner.min_free,
    env,
    server: url === undefined ? fail(noServerText) : serverUrl(url),
    transport: transportOf(remote),
    token: tokenOf(tokenFile, remote.token),
    tokenFile,
    aboutServer:
      local === undefined
        ? undefined
        : '; it is the server of this host, to which `runner attach' +
          ` --server ${local.url.origin} --token-file ${shellQuote(local.registrationFile)}\` attaches`,
    edges: { clock: systemClock, chance: systemChance },
  })
  for await (const check of inTurn(
    examined,
    examineTokens(options, env),
    examineTargets(loaded.targets, options, env),
  )) {
    // The registration token of this host is one of the tokens of the server.
    if (check.result === 'warning' && checks.some(({ message }) => message === check.message)) continue
    checks.push(check)
    if (signals.stop.aborted) break
    if (options.json || (options.quiet && check.result !== 'failed')) continue
    print(`${marks[check.result].padEnd(8)} ${check.check}: ${check.message}\n`)
  }
  if (signals.stop.aborted) return interruptedBy(signals.stop)
  const well = checks.every(({ result }) => result !== 'failed')
  if (options.json) printJson({ ok: well, checks })
  return well ? exitStatus.ok : exitStatus.unwell
}

async function* inTurn<T>(...all: AsyncIterable<T>[]): AsyncGenerator<T> {
  for (const one of all) yield* one
}

/**
 * Looks at the tokens of the server for which this user has an administrator's token, as the commands to a
 * server find it: mostly on the host of the server. For others there is nothing to look at.
 */
async function* examineTokens(options: Options, env: NodeJS.ProcessEnv): AsyncGenerator<DoctorCheck> {
  const check = 'tokens'
  // The options of this command name the server of the runner on this host, and its registration token.
  const { server: _, tokenFile: __, ...rest } = options
  const made = makeClient(rest, env)
  if (!made.ok) return
  await using client = made.value
  const tokens = await collectPages(page => client.call('listTokens', { query: page }))
  if (!tokens.ok) {
    if (tokens.failure.reason !== 'wrong-token-kind')
      yield { check, result: 'skipped', message: tokens.failure.message }
    return
  }
  const runners = await allRunners(client)
  if (!runners.ok) return yield { check, result: 'skipped', message: runners.failure.message }
  const warnings = tokenWarnings(tokens.value, runners.value, systemClock.now())
  for (const message of warnings) yield { check, result: 'warning', message }
  if (warnings.length === 0)
    yield { check, result: 'ok', message: `none of ${tokens.value.length} allows more than it should` }
}

/** Looks at the files of the targets of notifications, which the server of this host reads. */
async function* examineTargets(
  targets: Configuration['targets'],
  options: Options,
  env: NodeJS.ProcessEnv,
): AsyncGenerator<DoctorCheck> {
  for (const target of targets) {
    const check = `notify.${target.name}`
    const problems = problemsOfTarget(target, options, env)
    for (const problem of problems) yield { check, result: 'failed', message: formatDiagnostic(problem) }
    if (problems.length === 0)
      yield {
        check,
        result: 'ok',
        message: `its files can be read; \`runner notify test ${target.name}\` tries it`,
      }
  }
}

export const command = defineCommand({
  description: 'check all that `runner attach` needs, and say how to fix each problem',
  options,
  notes: `With an administrator's token, as on the host of the server, it also names tokens of the server that
allow more than they should, above all those of release 0.1.0, and the commands that replace them. It looks at
the files of [notify.NAME].

It registers no runner, and removes the one container that it starts; the image of this container,
localhost/runner-probe, stays. Ctrl-C ends it after the current check, a second one at once; after that the
next \`runner doctor\` removes the remains.

Exit status: 0 all is well (there may be warnings); 1 something is wrong; 64 usage; 78 configuration error;
130 or 143 ended by Ctrl-C or SIGTERM.`,
  examples: ['runner doctor', `runner doctor --json | jq '.checks[] | select(.result != "ok")'`],
  action: (options, _, env) => doctor(options, env),
})
