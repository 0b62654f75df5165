import type { Configuration } from '../../config/load.ts'
import type { TransportOptions } from '../../protocol/client/transport.ts'
import { tokenAdvice } from '../../remote/link/registration.ts'
import { defined, fail, ok, type Result } from '../../result.ts'
import { readPem } from '../../system/pem-file.ts'
import { readTokenFile } from '../../system/token-file.ts'

/** The message for a command that needs a server, without one. */
export const noServerText =
  'no server is named: give --server with its address ' +
  '(http://127.0.0.1:8080 reaches a `runner server` on this host), or set url in [remote]'

/** The contents of the files that say how to reach the server. */
export function transportOf(remote: Configuration['remote']): Result<TransportOptions, string> {
  const transport: TransportOptions = defined({ proxy: remote.proxy, ca: remote.ca })
  for (const [key, part] of [
    ['ca_file', 'ca'],
    ['cert_file', 'cert'],
    ['key_file', 'key'],
  ] as const) {
    const file = remote[key]
    if (file === undefined) continue
    const pem = readPem(file, part, `set ${key} in [remote]`)
    if (!pem.ok) return pem
    transport[part] = pem.value
  }
  return ok(transport)
}

/** A registration token, from its file or the environment. */
export function tokenOf(file: string | undefined, text: string | undefined): Result<string, string> {
  if (file === undefined)
    return text === undefined ? fail(`no registration token is named: ${tokenAdvice}`) : ok(text)
  return readTokenFile(file, tokenAdvice)
}
