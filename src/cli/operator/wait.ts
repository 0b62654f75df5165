import { systemChance, systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import type { Client } from '../../protocol/client.ts'
import type { ClientFailure } from '../../protocol/client-failure.ts'
import type { Execution } from '../../protocol/messages.ts'
import { persist } from '../../protocol/retry.ts'
import { endLines, outputLines } from '../../report/executions.ts'
import type { Result } from '../../result.ts'
import { print, sayError } from '../say.ts'
import { catchSignals } from '../signals.ts'
import { type ConnectOptions, printJson, sayFailure } from './connect.ts'
import { followRun, statusOfExecution } from './follow.ts'
import { logOut } from './log-out.ts'

export interface WaitOptions extends ConnectOptions {
  /** Follow the log, and end as the execution does. */
  wait: boolean
}

/** Tries after the first of a call that makes an execution: for about a minute. */
const retries = 6

/**
 * Makes an execution, once, however often the call has to be made; then says which it is, or follows it to its end.
 * Resolves to the exit status.
 */
export async function makeAndWait(
  client: Client,
  options: WaitOptions,
  make: (idempotencyKey: string) => Promise<Result<Execution, ClientFailure>>,
): Promise<number> {
  const key = systemChance.id()
  const onRetry = ({ message }: ClientFailure) => sayError(`runner: ${message}; trying again\n`)
  const made = await persist(() => make(key), { retries, clock: systemClock, onRetry })
  if (!made.ok) return sayFailure(made.failure)
  if (options.wait) return waitFor(client, made.value, options)
  if (options.json) printJson(made.value)
  else print(`${made.value.id}\n`)
  if (!options.json && !options.quiet) sayError(`runner: \`runner log -f ${made.value.id}\` follows it\n`)
  return exitStatus.ok
}

/** Shows the log of an execution as it comes, and ends with its status. SIGINT ends the wait, not the execution. */
async function waitFor(client: Client, { id, group }: Execution, options: WaitOptions): Promise<number> {
  using signals = catchSignals()
  const out = logOut(true)
  if (!options.quiet) sayError(`runner: execution ${id}\n`)
  const ended = await followRun(
    client,
    group,
    // With --json the one thing on standard output is the execution.
    bytes => (options.json ? undefined : out.write(bytes)),
    signals.stop,
  )
  await out.end()
  if (!ended.ok) {
    const how = `it goes on: \`runner log -f ${id}\` follows it, \`runner abort ${id}\` ends it`
    if (!signals.stop.aborted) {
      const status = sayFailure(ended.failure)
      sayError(`runner: what became of execution ${id} is not known; ${how}\n`)
      return status
    }
    sayError(`runner: not waiting for execution ${id} any more; ${how}\n`)
    return exitStatus.interrupted[signals.stop.reason as 'SIGINT' | 'SIGTERM']
  }
  if (options.json) printJson(ended.value)
  else if (!options.quiet) for (const line of outputLines(ended.value)) sayError(`runner: ${line}\n`)
  if (!options.quiet || ended.value.state !== 'succeeded')
    for (const line of endLines(ended.value)) sayError(`runner: ${line}\n`)
  return statusOfExecution(ended.value)
}
