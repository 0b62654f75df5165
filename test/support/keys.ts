import { generateKeyPairSync } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

const folder = resolve(import.meta.dirname, '../../.tap/keys')

export interface KeyPair {
  publicKey: string
  privateKey: string
}

/** A pair of RSA keys. To make one takes a third of a second, so each is made once for a checkout. */
export function rsaKeys(name: string, modulusLength = 3072): KeyPair {
  const file = resolve(folder, `${name}-${modulusLength}.json`)
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as KeyPair
  } catch {
    const keys = generateKeyPairSync('rsa', {
      modulusLength,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    })
    // Whole or not at all, for files of tests that run at the same time; which of them makes it does not matter.
    const own = `${file}-${process.pid}`
    mkdirSync(folder, { recursive: true })
    writeFileSync(own, JSON.stringify(keys), { mode: 0o600 })
    try {
      linkSync(own, file)
    } catch {
      // Another one was faster, or the folder takes no links: these will do.
    }
    rmSync(own)
    return keys
  }
}
