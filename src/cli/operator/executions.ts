import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { jsonText } from '../../process/printable.ts'
import type { Client } from '../../protocol/client.ts'
import type { Execution } from '../../protocol/messages.ts'
import { busyText, executionsText, executionText } from '../../report/executions.ts'
import { print } from '../say.ts'
import { catchSignals } from '../signals.ts'
import { type ConnectOptions, printJson, sayFailure, tableWidth, withClient } from './connect.ts'
import { followLog } from './follow.ts'
import { callById } from './ids.ts'
import { logOut } from './log-out.ts'
import { collect } from './pages.ts'
import { makeAndWait, type WaitOptions } from './wait.ts'

export interface ExecutionsCommandOptions extends ConnectOptions {
  /** One execution instead of a list. */
  id?: string
  state?: string
  job?: string
  runner?: string
  group?: string
  limit: number
}

/** `runner executions`: the latest first; or all of one. */
export function executionsCommand(
  options: ExecutionsCommandOptions,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  return withClient(options, env, async client => {
    const now = systemClock.now()
    if (options.id !== undefined) {
      const { id } = options
      const found = await callById('execution', id, () => client.call('getExecution', { params: { id } }))
      if (!found.ok) return sayFailure(found.failure)
      if (options.json) printJson(found.value)
      else print(executionText(found.value, now))
      return exitStatus.ok
    }
    const filter = {
      ...(options.state === undefined ? {} : { state: options.state }),
      ...(options.job === undefined ? {} : { job_name: options.job }),
      ...(options.runner === undefined ? {} : { runner_id: options.runner }),
      ...(options.group === undefined ? {} : { group: options.group }),
    }
    const list = await collect(
      page => client.call('listExecutions', { query: { ...filter, ...page } }),
      options.limit,
    )
    if (!list.ok) return sayFailure(list.failure)
    if (options.json) printJson(list.value)
    else print(executionsText(list.value, now, tableWidth()))
    return exitStatus.ok
  })
}

export interface LogCommandOptions extends ConnectOptions {
  id: string
  follow: boolean
  offset: number
}

/** `runner log`: what an execution wrote, byte for byte; with `follow` until it has ended. */
export function logCommand(options: LogCommandOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    using signals = catchSignals()
    const gone = new AbortController()
    const out = logOut(!options.json, () => gone.abort())
    const signal = AbortSignal.any([signals.stop, gone.signal])
    const { id, follow, offset: from } = options
    const found = await callById('execution', id, () =>
      client.call('getExecution', { params: { id }, signal }),
    )
    if (!found.ok) return sayFailure(found.failure)
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    const line = (value: object) => out.write(Buffer.from(`${jsonText(value)}\n`))
    const take = (bytes: Uint8Array, offset: number) =>
      options.json ? line({ offset, text: decoder.decode(bytes, { stream: true }) }) : out.write(bytes)
    const until = follow ? {} : { until: found.value.log.length }
    const followed = await followLog(client, id, take, { from, signal, ...until })
    await out.end()
    if (!followed.ok) {
      if (gone.signal.aborted) return exitStatus.ok
      if (signals.stop.aborted) return exitStatus.interrupted[signals.stop.reason as 'SIGINT' | 'SIGTERM']
      return sayFailure(followed.failure)
    }
    const { state, offset } = followed.value
    if (options.json && state !== undefined) await line({ offset, state })
    return exitStatus.ok
  })
}

export interface AbortCommandOptions extends ConnectOptions {
  ids: string[]
}

/** `runner abort`: asks for the end of each of some executions; gives the status of the first that is refused. */
export function abortCommand(options: AbortCommandOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    let status: number = exitStatus.ok
    const aborted: Execution[] = []
    for (const id of options.ids) {
      const result = await callById('execution', id, () => client.call('abort', { params: { id } }))
      if (result.ok) {
        aborted.push(result.value)
        continue
      }
      const refused = sayFailure(result.failure, options.ids.length > 1 ? id : undefined)
      status ||= refused
    }
    if (options.json) printJson(aborted)
    else for (const execution of aborted) print(`${execution.id} ${execution.state}\n`)
    return status
  })
}

export interface RerunCommandOptions extends WaitOptions {
  id: string
}

/** `runner rerun`: runs again what an execution ran, as it was then. */
export function rerunCommand(options: RerunCommandOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const { id } = options
  return withClient(options, env, client =>
    makeAndWait(client, options, idempotencyKey =>
      callById('execution', id, () => client.call('rerun', { params: { id }, idempotencyKey })),
    ),
  )
}

export interface BusyCommandOptions extends ConnectOptions {
  watch: boolean
}

/** Seconds between two looks of `busy --watch`. */
const lookEvery = 2

/** `runner busy`: what runs right now. */
export function busyCommand(options: BusyCommandOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    if (!options.watch) return showBusy(client, options)
    using signals = catchSignals()
    for (;;) {
      const status = await showBusy(client, options)
      if (status !== exitStatus.ok) return status
      await systemClock.sleep(lookEvery, signals.stop)
      if (signals.stop.aborted) return exitStatus.ok
    }
  })
}

async function showBusy(client: Client, { json, watch }: BusyCommandOptions): Promise<number> {
  const busy = await client.call('busy', {})
  if (!busy.ok) return sayFailure(busy.failure)
  const clear = watch && process.stdout.isTTY ? '\x1b[H\x1b[2J' : ''
  if (json) printJson(busy.value)
  else {
    process.stdout.write(clear)
    print(busyText(busy.value, systemClock.now(), tableWidth()))
  }
  return exitStatus.ok
}
