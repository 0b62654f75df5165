import { readFileSync } from 'node:fs'
import { errorText, fail, ok, type Result } from '../../../result.ts'

interface AuthEntry {
  auth?: string
  username?: string
  password?: string
  identitytoken?: string
}

/**
 * Reads the credentials for an image from a file that `docker login` or `podman login` has written: those of
 * its registry, or of the longest part of its name that the file has some for (`registry.example/team`).
 * Undefined: the file has none. `reference` must name the registry. Fails with a sentence.
 */
export function authFor(file: string, reference: string): Result<object | undefined, string> {
  const registry = reference.slice(0, reference.indexOf('/'))
  const names = [
    ...partsOf(reference),
    ...(registry === 'docker.io'
      ? ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io']
      : [
          registry,
          `https://${registry}`,
          `http://${registry}`,
          `https://${registry}/v1/`,
          `https://${registry}/v2/`,
        ]),
  ]
  try {
    const { auths = {} } = JSON.parse(readFileSync(file, 'utf8')) as { auths?: Record<string, AuthEntry> }
    const name = names.find(name => auths[name] !== undefined)
    if (name === undefined) return ok(undefined)
    const { auth, username, password, identitytoken } = auths[name]!
    const serveraddress = name.startsWith(`${registry}/`) ? registry : name
    if (identitytoken) return ok({ identitytoken, serveraddress })
    const text = auth === undefined ? `${username}:${password}` : Buffer.from(auth, 'base64').toString()
    const colon = text.indexOf(':')
    if (colon === -1)
      return fail(
        `${file} has no password for ${name}; runner asks no credential helper, so write the password there`,
      )
    return ok({
      username: text.slice(0, colon),
      password: text.slice(colon + 1),
      serveraddress,
    })
  } catch (error) {
    // The message of a JSON error would show a part of the file, and so perhaps a password.
    const why = error instanceof SyntaxError ? 'it is not JSON' : errorText(error)
    return fail(`the registry_auth_file ${file} cannot be read: ${why}`)
  }
}

/**
 * The name of an image without its tag, and what it lies in, but for the registry alone; the longest first.
 */
function partsOf(reference: string): string[] {
  const words = reference
    .replace(/@.*$/, '')
    .replace(/:[^/:]*$/, '')
    .split('/')
  return words.slice(1).map((_, at) => words.slice(0, words.length - at).join('/'))
}
