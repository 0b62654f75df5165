import { readFileSync } from 'node:fs'
import { errorText, fail, ok, type Result } from '../result.ts'

const contents = {
  ca: ['a certificate', /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/],
  cert: ['a certificate', /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/],
  key: ['a private key', /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/],
} as const

/**
 * A file in PEM with certificates of CAs, a certificate or a private key. Fails with a sentence that ends in
 * `hint`, the way to another file; whether the contents are valid shows only in a connection.
 */
export function readPem(file: string, part: keyof typeof contents, hint: string): Result<Buffer, string> {
  const [what, begin] = contents[part]
  try {
    const bytes = readFileSync(file)
    return begin.test(bytes.toString('latin1'))
      ? ok(bytes)
      : fail(`${file} has no ${what.slice(2)} in PEM; ${hint}`)
  } catch (error) {
    return fail(`${file} cannot be read: ${errorText(error)}; ${hint}`)
  }
}
