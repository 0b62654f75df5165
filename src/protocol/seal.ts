/*
 * Sealing as the plugins' SDKs do it: base64( nonce[16] ‖ ciphertext ‖ tag[16] ), AES-256-GCM, no additional
 * data.
 */
import { fail, ok, type Result } from '../result.ts'

const crypto = process.getBuiltinModule('node:crypto')
const nonceBytes = 16
const tagBytes = 16

/** Seals under a 32-byte key; base64. Two seals of the same text differ. */
export function seal(plain: string | Uint8Array, key: Uint8Array): string {
  const nonce = crypto.randomBytes(nonceBytes)
  const cipher = crypto.createCipheriv('aes-256-gcm', key, nonce)
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64')
}

/** The number of characters of a sealed text of so many bytes. */
export const sealedLength = (bytes: number): number => 4 * Math.ceil((nonceBytes + bytes + tagBytes) / 3)

/** Opens a sealed text; fails where it was made under another key, or is damaged. */
export function unseal(sealed: string, key: Uint8Array): Result<Buffer, 'cannot-be-opened'> {
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.length < nonceBytes + tagBytes) return fail('cannot-be-opened')
  const decipher = crypto.createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  })
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  try {
    return ok(Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]))
  } catch {
    return fail('cannot-be-opened')
  }
}

const oaep = { oaepHash: 'sha256' }

/** Encrypts a short text so that only the holder of the private key can read it; base64. */
export function sealFor(publicKey: string, plain: string): string {
  return crypto.publicEncrypt({ key: publicKey, ...oaep }, Buffer.from(plain)).toString('base64')
}

/** Opens a text of `sealFor`. */
export function unsealWith(privateKey: string, sealed: string): Result<string, 'cannot-be-opened'> {
  try {
    return ok(crypto.privateDecrypt({ key: privateKey, ...oaep }, Buffer.from(sealed, 'base64')).toString())
  } catch {
    return fail('cannot-be-opened')
  }
}

/** Whether a text is the SPKI PEM of an RSA key of 3072 bits. */
export function isRunnerKey(pem: string): boolean {
  // Node accepts a private key here, too, and derives the public one: such a key is refused.
  if (!pem.trimStart().startsWith('-----BEGIN PUBLIC KEY-----')) return false
  try {
    const key = crypto.createPublicKey({ key: pem, format: 'pem', type: 'spki' })
    return key.asymmetricKeyType === 'rsa' && key.asymmetricKeyDetails?.modulusLength === 3072
  } catch {
    return false
  }
}
