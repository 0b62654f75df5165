/*
 * Files that are sealed to a public key: only the holder of the private key can read them.
 *
 *   the line `beginning` ‖ length of the sealed key, 2 bytes ‖ a key of 32 bytes, RSA-OAEP (SHA-256) ‖ pieces
 *
 * Each piece is up to 1 MiB of the file under that key, AES-256-GCM, and its tag of 16 bytes. The nonce of a
 * piece is its number in 11 bytes and a byte that says whether it is the last, so pieces cannot be left out,
 * exchanged or cut off. All that comes before the pieces is authenticated with each of them. A seal does not
 * say who has made it.
 */
import type { KeyObject } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { errorText, fail, ok, type Result } from '../../result.ts'
import { shellQuote } from '../../system/shell-quote.ts'

const crypto = process.getBuiltinModule('node:crypto')
const beginning = Buffer.from('runner: sealed to a public key, 1\n')
const pieceBytes = 1 << 20
const tagBytes = 16
const keyBytes = 32
const leastBits = 3072
const oaep = { padding: crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }

/** Reads a public key to which files can be sealed: RSA, in SPKI PEM. */
export function readRecipient(file: string): Result<KeyObject, string> {
  const made = 'openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -out backup.key'
  const how = `make one by ${made} && openssl pkey -in backup.key -pubout -out backup.pub`
  try {
    const pem = readFileSync(file, 'utf8')
    // Node would take the public part of a private key, but a private key must not be on this host.
    if (!pem.trimStart().startsWith('-----BEGIN PUBLIC KEY-----'))
      return fail(`${file} is not a public key in PEM: ${how}`)
    const key = crypto.createPublicKey({ key: pem, format: 'pem', type: 'spki' })
    if (key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= leastBits)
      return ok(key)
    return fail(`${file} is not an RSA key of at least ${leastBits} bits: ${how}`)
  } catch (error) {
    return fail(`the public key ${file} cannot be read: ${errorText(error)}`)
  }
}

/** Reads the private key of such a public key; in PEM, without a passphrase. */
export function readIdentity(file: string): Result<KeyObject, string> {
  try {
    if (((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o007) !== 0)
      return fail(`the private key ${file} can be used by every user: chmod o= ${shellQuote(file)}`)
    const pem = readFileSync(file, 'utf8')
    if (pem.includes('ENCRYPTED'))
      return fail(
        `the private key ${file} has a passphrase: openssl pkey -in ${shellQuote(file)} takes it off`,
      )
    const key = crypto.createPrivateKey(pem)
    return key.asymmetricKeyType === 'rsa' ? ok(key) : fail(`${file} is not the private key of a recipient`)
  } catch (error) {
    return fail(`the private key ${file} cannot be read: ${errorText(error)}`)
  }
}

/** Whether a regular file begins as a sealed one. */
export function isSealed(file: string): boolean {
  const fd = openSync(file, 'r')
  try {
    const bytes = Buffer.alloc(beginning.length)
    return readSync(fd, bytes) === bytes.length && bytes.equals(beginning)
  } finally {
    closeSync(fd)
  }
}

/** Seals a file into another one, which must not be there, mode 0600. Rejects with system errors. */
export async function sealFile(from: string, to: string, recipient: KeyObject): Promise<void> {
  await using source = await open(from, 'r')
  await using target = await open(to, 'wx', 0o600)
  const key = crypto.randomBytes(keyBytes)
  const sealed = crypto.publicEncrypt({ key: recipient, ...oaep }, key)
  const header = Buffer.concat([beginning, Buffer.alloc(2), sealed])
  header.writeUInt16BE(sealed.length, beginning.length)
  await target.writeFile(header)
  const { size } = await source.stat()
  const pieces = Math.max(1, Math.ceil(size / pieceBytes))
  const plain = Buffer.alloc(pieceBytes)
  for (let n = 0; n < pieces; n++) {
    const length = await readWhole(source, plain, n * pieceBytes)
    const cipher = crypto.createCipheriv('aes-256-gcm', key, nonceOf(n, n === pieces - 1)).setAAD(header)
    const bytes = [cipher.update(plain.subarray(0, length)), cipher.final(), cipher.getAuthTag()]
    await target.writeFile(Buffer.concat(bytes))
  }
}

/**
 * Opens a sealed file; `take` gets it in pieces. Each of them is authentic, but the file is whole only when
 * this resolves to success. Fails with what is wrong, as it continues after the name of the file.
 */
export async function openSealed(
  file: string,
  identity: KeyObject,
  take: (bytes: Uint8Array) => Promise<unknown>,
): Promise<Result<void, string>> {
  const damaged = fail('is not as it was sealed: it has been cut off or changed')
  await using source = await open(file, 'r')
  const { size } = await source.stat()
  const fixed = Buffer.alloc(beginning.length + 2)
  await readWhole(source, fixed, 0)
  const header = Buffer.alloc(fixed.length + fixed.readUInt16BE(beginning.length))
  const pieces = Math.ceil((size - header.length) / (pieceBytes + tagBytes))
  if ((await readWhole(source, header, 0)) < header.length || pieces < 1) return damaged
  let key: Buffer
  try {
    key = crypto.privateDecrypt({ key: identity, ...oaep }, header.subarray(fixed.length))
  } catch {
    return fail('was sealed to the public key of another one than --identity, or has been changed')
  }
  if (key.length !== keyBytes) return damaged
  const sealed = Buffer.alloc(pieceBytes + tagBytes)
  for (let n = 0; n < pieces; n++) {
    const length = await readWhole(source, sealed, header.length + n * sealed.length)
    if (length < tagBytes) return damaged
    const nonce = nonceOf(n, n === pieces - 1)
    const decipher = crypto.createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
    decipher.setAAD(header).setAuthTag(sealed.subarray(length - tagBytes, length))
    const plain = decipher.update(sealed.subarray(0, length - tagBytes))
    try {
      decipher.final()
    } catch {
      return damaged
    }
    await take(plain)
  }
  return ok(undefined)
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(number, 5, 6)
  nonce[11] = Number(isLast)
  return nonce
}

/** Fills a buffer from a position on, or as much of it as the file has; gives how much. */
async function readWhole(file: FileHandle, buffer: Buffer, position: number): Promise<number> {
  let read = 0
  while (read < buffer.length) {
    const { bytesRead } = await file.read(buffer, read, buffer.length - read, position + read)
    if (bytesRead === 0) break
    read += bytesRead
  }
  return read
}
