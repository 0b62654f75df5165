import { exitStatus } from '../../exit-status.ts'
import { sayError } from '../../report/say.ts'
import { harmless, jsonText } from '../../system/printable.ts'
import { catchSignals, interruptedBy } from '../signals.ts'
import { type ConnectOptions, sayFailure, withClient } from './connect.ts'
import { followLog } from './follow.ts'
import { callExecution } from './ids.ts'
import { logOut } from './log-out.ts'
import { Stamps } from './stamps.ts'

export interface LogOptions extends ConnectOptions {
  follow: boolean
  /** The byte at which to begin. */
  offset: number
  /** Put the time before each line. */
  timestamps: boolean
}

/** Prints the log of an execution, byte for byte; with `follow` until it has ended. */
export function printExecutionLog(
  options: LogOptions,
  which: string,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  return withClient(options, env, async client => {
    using signals = catchSignals()
    const gone = new AbortController()
    const out = logOut(!options.json, () => gone.abort())
    const signal = AbortSignal.any([signals.stop, gone.signal])
    const { follow, offset: from } = options
    const found = await callExecution(client, which, id =>
      client.call('getExecution', { params: { id }, signal }),
    )
    if (!found.ok) return sayFailure(found.failure)
    const { id, log } = found.value
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    const line = (value: object) => out.write(Buffer.from(`${jsonText(value)}\n`))
    const take = (bytes: Uint8Array, offset: number) =>
      options.json ? line({ offset, text: decoder.decode(bytes, { stream: true }) }) : out.write(bytes)
    const stamps = options.timestamps ? new Stamps(client, id) : undefined
    const times = await stamps?.read(log.length)
    if (times?.ok === false) return sayFailure(times.failure)
    if (stamps?.hasSome === false && log.length > 0)
      sayError(
        'runner: the server kept no times of this log: its release was an earlier one when the log began\n',
      )
    const takeStamped = async (bytes: Uint8Array, offset: number) =>
      take((await stamps?.add(bytes, offset)) ?? bytes, offset)
    if (!options.json && found.value.state === 'queued') {
      const { waiting_because } = found.value
      sayError(`runner: it has not started: ${harmless(waiting_because ?? 'it waits for a node')}\n`)
    }
    const until = follow ? undefined : log.length
    const followed = await followLog(client, id, stamps === undefined ? take : takeStamped, {
      from,
      signal,
      until,
    })
    await out.end()
    if (!followed.ok) {
      if (gone.signal.aborted) return exitStatus.ok
      if (signals.stop.aborted) return interruptedBy(signals.stop)
      return sayFailure(followed.failure)
    }
    const { state, offset } = followed.value
    if (options.json && state !== undefined) await line({ offset, state })
    return exitStatus.ok
  })
}
