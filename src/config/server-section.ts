import { dirname, join, resolve } from 'node:path'
import type { Diagnostic } from './diagnostic.ts'
import type { Setting } from './load.ts'
import { type ServerKey, serverKeys } from './schema.ts'

/** `[server]`, with every path absolute. */
export interface ServerConfiguration {
  listen: { host: string; port: number }
  database: { engine: 'sqlite'; path: string } | { engine: 'postgres'; url: string }
  data_dir: string
  key_file: string
  tls?: { cert_file: string; key_file: string; client_ca_file?: string }
  log_limit: number
  retention_days: number
  lease_seconds: number
  confirm_within_seconds: number
  late_result_seconds: number
  ping_interval_seconds: number
  reserve_wait_seconds: number
}

/** The settings of a server: texts that are valid, and defaults. `base` is the file that defaults are relative to. */
export function serverConfiguration(
  entries: ReadonlyMap<string, Setting>,
  stateDir: string,
  base: string,
  sizeOf: (text: string) => number,
): ServerConfiguration {
  const text = (key: ServerKey) => entries.get(key)?.value ?? serverKeys[key]?.default
  const number = (key: ServerKey) => Number(text(key))
  const beside = (key: ServerKey, value: string) =>
    resolve(dirname(entries.get(key)?.origin?.file ?? base), value)
  const path = (key: ServerKey) => {
    const value = text(key)
    return value === undefined ? undefined : beside(key, value)
  }
  const database = text('database') ?? `sqlite:${join(stateDir, 'server', 'server.db')}`
  const file = database.startsWith('sqlite:') ? beside('database', database.slice(7)) : undefined
  const dataDir = path('data_dir') ?? (file === undefined ? join(stateDir, 'server') : dirname(file))
  const [cert, key, ca] = [path('tls_cert_file'), path('tls_key_file'), path('client_ca_file')]
  return {
    listen: parseAddress(text('listen')!),
    database: file === undefined ? { engine: 'postgres', url: database } : { engine: 'sqlite', path: file },
    data_dir: dataDir,
    key_file: path('key_file') ?? join(dataDir, 'key'),
    ...(cert === undefined || key === undefined
      ? {}
      : { tls: { cert_file: cert, key_file: key, ...(ca === undefined ? {} : { client_ca_file: ca }) } }),
    log_limit: sizeOf(text('log_limit')!),
    retention_days: number('retention_days'),
    lease_seconds: number('lease_seconds'),
    confirm_within_seconds: number('confirm_within_seconds'),
    late_result_seconds: number('late_result_seconds'),
    ping_interval_seconds: number('ping_interval_seconds'),
    reserve_wait_seconds: number('reserve_wait_seconds'),
  }
}

/** `host:port`, `[v6]:port`, or `:port` for all addresses. */
export function parseAddress(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return { host: host === '' ? '::' : host, port: Number(text.slice(colon + 1)) }
}

/** What no pattern can say about the values of `[server]`. */
export function checkServer(entries: ReadonlyMap<string, Setting>): Diagnostic[] {
  const findings: Diagnostic[] = []
  const complain = (key: ServerKey, message: string, hint: string) =>
    findings.push({ severity: 'error', reason: 'value-invalid', ...entries.get(key)?.origin, message, hint })
  const value = (key: ServerKey) => entries.get(key)?.value

  if (value('listen') !== undefined && parseAddress(value('listen')!).port > 65535)
    complain('listen', `listen is ${value('listen')}; a port is at most 65535`, 'write another port')
  for (const key of ['lease_seconds', 'confirm_within_seconds', 'ping_interval_seconds'] as const)
    if (Number(value(key) ?? 1) <= 0)
      complain(
        key,
        `${key} is ${value(key)}; it must be more than 0`,
        `the default is ${serverKeys[key]!.default}`,
      )
  if (Number(value('reserve_wait_seconds') ?? 0) > 50)
    complain(
      'reserve_wait_seconds',
      `reserve_wait_seconds is ${value('reserve_wait_seconds')}; it is at most 50`,
      'leave it out: 50 is the default',
    )
  for (const [key, other] of [
    ['tls_cert_file', 'tls_key_file'],
    ['tls_key_file', 'tls_cert_file'],
    ['client_ca_file', 'tls_cert_file'],
  ] as const)
    if (entries.has(key) && !entries.has(other))
      complain(key, `${key} is set, and ${other} is not`, `set ${other} too, or leave ${key} out`)
  if (value('database')?.startsWith('postgres') && !entries.has('key_file'))
    complain(
      'database',
      'database is in PostgreSQL, and key_file is not set',
      'set key_file: all servers of one database need the same key',
    )
  return findings
}
