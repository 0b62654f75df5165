import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { ServerConfiguration } from '../config/server-section.ts'
import { errorText, fail, ok, type Result } from '../result.ts'

export interface TlsOptions {
  cert: Buffer
  key: Buffer
  ca?: Buffer
  requestCert: boolean
  rejectUnauthorized: boolean
  minVersion: 'TLSv1.2'
}

/** Reads certificate and keys; fails with a sentence for each file that is of no use. */
export function tlsOptions(tls: NonNullable<ServerConfiguration['tls']>): Result<TlsOptions, string[]> {
  const problems: string[] = []
  const read = (name: string, file: string) => {
    try {
      return readFileSync(file)
    } catch (error) {
      problems.push(`${name} ${file} cannot be read: ${errorText(error)}`)
      return Buffer.alloc(0)
    }
  }
  const ca = tls.client_ca_file === undefined ? undefined : read('client_ca_file', tls.client_ca_file)
  const options: TlsOptions = {
    cert: read('tls_cert_file', tls.cert_file),
    key: read('tls_key_file', tls.key_file),
    ...(ca === undefined ? {} : { ca }),
    requestCert: ca !== undefined,
    rejectUnauthorized: ca !== undefined,
    minVersion: 'TLSv1.2',
  }
  if (problems.length > 0) return fail(problems)
  try {
    createSecureContext(options)
    return ok(options)
  } catch (error) {
    return fail([`tls_cert_file and tls_key_file cannot be used: ${errorText(error)}`])
  }
}

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
