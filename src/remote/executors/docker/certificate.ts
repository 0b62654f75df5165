/*
 * The certificate with which a runner answers plugins that take no other way than TLS. Node can read
 * certificates and not make them, so its few parts are put together here (RFC 5280, in DER).
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

export interface Certificate {
  /** PEM. It signs itself, so it is its own authority too. */
  cert: string
  /** PEM of its private key. */
  key: string
}

/**
 * A new key, and a certificate for it with the name 127.0.0.1. It never expires: the clock of a host may be
 * wrong.
 */
export function loopbackCertificate(): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signed = tbs(publicKey)
  const signature = sign('sha256', signed, privateKey)
  const der = sequence(signed, ecdsaWithSha256, node(tags.bits, Buffer.of(0), signature))
  const lines = der.toString('base64').replace(/.{1,64}/g, '$&\n')
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}

/** The part that is signed. */
function tbs(publicKey: KeyObject): Buffer {
  const name = sequence(node(tags.set, sequence(ids.commonName, node(tags.utf8, Buffer.from('runner')))))
  const serial = randomBytes(16)
  // Neither zero, nor negative, nor with needless zeros before it.
  serial[0] = 0x40 | (serial[0]! & 0x3f)
  const names = sequence(node(tags.address, Buffer.of(127, 0, 0, 1)))
  return sequence(
    node(tags.version, node(tags.integer, Buffer.of(2))),
    node(tags.integer, serial),
    ecdsaWithSha256,
    name,
    sequence(
      node(tags.shortTime, Buffer.from('700101000000Z')),
      node(tags.longTime, Buffer.from('99991231235959Z')),
    ),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    node(tags.extensions, sequence(sequence(ids.alternativeName, node(tags.octets, names)))),
  )
}

const tags = {
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  id: 0x06,
  utf8: 0x0c,
  shortTime: 0x17,
  longTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** The tag of a name that is an address. */
  address: 0x87,
  version: 0xa0,
  extensions: 0xa3,
}

/** A tag, the length of what it has, and that. */
function node(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...size), content])
}

const sequence = (...parts: Uint8Array[]) => node(tags.sequence, ...parts)
const id = (hex: string) => node(tags.id, Buffer.from(hex, 'hex'))

const ids = { commonName: id('550403'), alternativeName: id('551d11') }
const ecdsaWithSha256 = sequence(id('2a8648ce3d040302'))
