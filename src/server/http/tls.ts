import { readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { ServerConfiguration } from '../../config/sections/server.ts'
import { errorText, fail, ok, type Result } from '../../result.ts'
import { shellQuote } from '../../system/shell-quote.ts'

export interface TlsOptions {
  cert: Buffer
  key: Buffer
  ca?: Buffer | undefined
  crl?: Buffer | undefined
  requestCert: boolean
  rejectUnauthorized: boolean
  minVersion: 'TLSv1.2'
  ciphers: string
}

/**
 * The suites of TLS 1.3, and those of 1.2 that have forward secrecy and authenticate what they encrypt: none
 * with CBC.
 */
const ciphers = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

/** Reads certificates and keys; fails with a sentence for each file that cannot be used. */
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
    ca,
    crl: tls.client_crl_file === undefined ? undefined : read('client_crl_file', tls.client_crl_file),
    requestCert: ca !== undefined,
    rejectUnauthorized: ca !== undefined,
    minVersion: 'TLSv1.2',
    ciphers,
  }
  const others = statSync(tls.key_file, { throwIfNoEntry: false })?.mode ?? 0
  if ((others & 0o007) !== 0)
    problems.push(
      `tls_key_file ${tls.key_file} can be used by every user: ` +
        `chmod o= ${shellQuote(tls.key_file)}; a group such as ssl-cert may read it`,
    )
  if (problems.length > 0) return fail(problems)
  try {
    createSecureContext(options)
    return ok(options)
  } catch (error) {
    return fail([`the files of TLS cannot be used: ${errorText(error)}`])
  }
}
