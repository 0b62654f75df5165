import { systemChance, systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import type { Client } from '../../protocol/client/client.ts'
import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import { persist } from '../../protocol/client/retry.ts'
import type { Execution } from '../../protocol/messages/executions.ts'
import { endLines, outputLines } from '../../report/executions.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import type { Result } from '../../result.ts'
import { harmless } from '../../system/printable.ts'
import { catchSignals, interruptedBy } from '../signals.ts'
import { type ConnectOptions, sayFailure } from './connect.ts'
import { followRun, sayOnce, statusOfExecution } from './follow.ts'
import { logOut } from './log-out.ts'

export interface WaitOptions extends ConnectOptions {
  /** Follow the log, and end as the execution does. */
  wait: boolean
}

/** The option of a command that makes an execution. */
export const waitOption = ['--wait', 'show the log as it comes, and end as it ends', false] as const

/** Exit statuses of such a command. */
export const waitNotes = `Exit status with --wait: that of the job; 1 it failed without a status from 1 to
255; 8 aborted; 9 lost; 130 the wait was interrupted, and the execution continues. Else: 0 done; 7 no such job
or execution; 64 usage; 69 the server cannot be reached; 77 it refuses; 78 no token or no usable
configuration.`

/** Tries after the first of a call that makes an execution: for about a minute. */
const retries = 6

/**
 * Makes an execution, once, however often the call has to be made; then says which it is, or follows it to
 * its end. Resolves to the exit status.
 */
export async function makeAndWait(
  client: Client,
  options: WaitOptions,
  make: (idempotencyKey: string) => Promise<Result<Execution, ClientFailure>>,
): Promise<number> {
  const key = systemChance.id()
  const onRetry = sayOnce()
  const made = await persist(() => make(key), { retries, clock: systemClock, onRetry })
  if (!made.ok) return sayFailure(made.failure)
  if (options.wait) return waitFor(client, made.value, options)
  if (options.json) printJson(made.value)
  else print(`${made.value.id}\n`)
  if (!options.json && !options.quiet) sayError(`runner: \`runner logs -f ${made.value.id}\` follows it\n`)
  return exitStatus.ok
}

/**
 * Shows the log of an execution as it comes, and ends with its status. SIGINT ends the wait, not the
 * execution.
 */
async function waitFor(client: Client, { id, group }: Execution, options: WaitOptions): Promise<number> {
  using signals = catchSignals()
  const out = logOut(true)
  if (!options.quiet) sayError(`runner: execution ${id}\n`)
  const followed = new AbortController()
  if (!options.quiet) void tellWait(client, id, AbortSignal.any([signals.stop, followed.signal]))
  const ended = await followRun(
    client,
    group,
    // With --json the one thing on standard output is the execution.
    bytes => (options.json ? undefined : out.write(bytes)),
    signals.stop,
  )
  followed.abort()
  await out.end()
  if (!ended.ok) {
    const how = `it continues: \`runner logs -f ${id}\` follows it, \`runner abort ${id}\` ends it`
    if (!signals.stop.aborted) {
      const status = sayFailure(ended.failure)
      sayError(`runner: the end of execution ${id} is unknown; ${how}\n`)
      return status
    }
    sayError(`runner: not waiting for execution ${id} any more; ${how}\n`)
    return interruptedBy(signals.stop)
  }
  if (options.json) printJson(ended.value)
  else if (!options.quiet) for (const line of outputLines(ended.value)) sayError(`runner: ${line}\n`)
  if (!options.quiet || ended.value.state !== 'succeeded')
    for (const line of endLines(ended.value)) sayError(`runner: ${line}\n`)
  return statusOfExecution(ended.value)
}

/** Seconds until a person who waits is told the reason, and between two looks after that. */
const [firstLook, nextLook] = [3, 10]

/**
 * Tells the reason why an execution waits, and tells it again when it changes, until the execution has
 * started.
 */
async function tellWait(client: Client, id: string, signal: AbortSignal): Promise<void> {
  let told: string | undefined
  for (let wait = firstLook; ; wait = nextLook) {
    await systemClock.sleep(wait, signal)
    if (signal.aborted) return
    const found = await client.call('getExecution', { params: { id }, signal })
    // The follower of the log tells what is wrong with the server.
    if (!found.ok) continue
    const { state, waiting_because, log } = found.value
    const mayWait = ['queued', 'reserved', 'running'].includes(state)
    if (!mayWait || (waiting_because === null && log.length > 0)) return
    if (waiting_because === null || waiting_because === told) continue
    told = waiting_because
    sayError(`runner: it waits: ${harmless(waiting_because)}\n`)
  }
}
