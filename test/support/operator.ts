import type { Reservation } from '../../src/protocol/messages/reservations.ts'
import { unseal } from '../../src/protocol/seal.ts'
import { sha256 } from './messages.ts'
import type { StartOptions } from './rig.ts'
import type { Run } from './run.ts'
import type { TestRunner, TestServer } from './server.ts'

/** Starts a command to the server, with the token of its administrator. */
export function start(server: TestServer, args: string[], options: StartOptions = {}): Run {
  const RUNNER_SERVER_TOKEN_FILE = server.rig.path('state', 'server', 'admin.token')
  const env = { RUNNER_SERVER: server.url, RUNNER_SERVER_TOKEN_FILE, ...options.env }
  return server.rig.start(args, { ...options, env })
}

export interface Said {
  status: number | string
  out: string
  err: string
}

/** Runs a command to the server; `input` is its standard input. */
export async function say(
  server: TestServer,
  args: string[],
  options: StartOptions & { input?: string } = {},
): Promise<Said> {
  const { input, ...rest } = options
  const run = start(server, args, {
    ...rest,
    ...(input === undefined ? {} : { stdio: ['pipe', 'pipe', 'pipe'] }),
  })
  if (input !== undefined) run.child.stdin!.end(input)
  return said(run)
}

/** The output of a command, once it has ended. */
export async function said(run: Run): Promise<Said> {
  const status = await run.ended
  return { status, out: Buffer.concat(run.out).toString(), err: Buffer.concat(run.err).toString() }
}

/** The output of a command with `--json`. */
export async function json<T>(server: TestServer, args: string[]): Promise<T> {
  const { status, out, err } = await say(server, [...args, '--json'])
  if (status !== 0) throw new Error(`${args.join(' ')}: ${status} ${err}`)
  return JSON.parse(out) as T
}

/** Opens a text that the server has sealed for a runner. */
export function opened(runner: TestRunner, sealed: string | null) {
  const plain = unseal(sealed!, runner.dataKey)
  if (!plain.ok) throw new Error(plain.failure)
  return JSON.parse(plain.value.toString())
}

/** The message of a runner at the end of an execution with this log. */
export const ending = (log: string | Uint8Array, more: object = {}) => ({
  log_length: Buffer.byteLength(log),
  log_sha256: sha256(log),
  ...more,
})

/** Takes the next execution and ends it so. */
export async function play(runner: TestRunner, log: string, end: object): Promise<Reservation> {
  const reservation = await runner.begin()
  if (log !== '') await runner.log(reservation, 0, log)
  await runner.result(reservation, ending(log, end))
  return reservation
}
