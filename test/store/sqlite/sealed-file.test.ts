import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isSealed, openSealed, readIdentity, sealFile } from '../../../src/store/sqlite/sealed-file.ts'
import { rsaKeys } from '../../support/keys.ts'

const keys = rsaKeys('runner')
const [recipient, identity] = [createPublicKey(keys.publicKey), createPrivateKey(keys.privateKey)]

t.test('a file of any length is opened as it was, in pieces of 1 MiB', async t => {
  const dir = t.testdir({})
  const piece = 1 << 20
  for (const length of [0, 1, piece - 1, piece, piece + 1, 2 * piece]) {
    const [from, to] = [join(dir, `plain ${length}`), join(dir, `sealed ${length}`)]
    const bytes = randomBytes(length)
    writeFileSync(from, bytes)
    await sealFile(from, to, recipient)
    t.equal(statSync(to).mode & 0o777, 0o600)
    t.notOk(isSealed(from))
    t.ok(isSealed(to))
    const pieces: Buffer[] = []
    t.same(await openSealed(to, identity, async bytes => pieces.push(Buffer.from(bytes))), {
      ok: true,
      value: undefined,
    })
    t.ok(Buffer.concat(pieces).equals(bytes), `${length} bytes`)
    t.ok(pieces.every(({ length }) => length <= piece))
  }
})

t.test('a seal never goes over a file that is there, and no two are the same', async t => {
  const dir = t.testdir({ plain: 'text', there: 'as it was' })
  const [plain, there] = [join(dir, 'plain'), join(dir, 'there')]
  await t.rejects(sealFile(plain, there, recipient), { code: 'EEXIST' })
  t.equal(readFileSync(there, 'utf8'), 'as it was')
  await sealFile(plain, join(dir, 'one'), recipient)
  await sealFile(plain, join(dir, 'two'), recipient)
  t.notOk(readFileSync(join(dir, 'one')).equals(readFileSync(join(dir, 'two'))))
})

t.test('a private key with a passphrase is refused with the command that takes it off', async t => {
  const pem = identity.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })
  const dir = t.testdir({})
  writeFileSync(join(dir, 'key'), pem, { mode: 0o600 })
  t.match(readIdentity(join(dir, 'key')), {
    failure: /key has a passphrase: openssl pkey -in .*key takes it off/,
  })
  writeFileSync(join(dir, 'none'), 'text', { mode: 0o600 })
  t.match(readIdentity(join(dir, 'none')), { failure: /^the private key .*none cannot be read: / })
  t.match(readIdentity(join(dir, 'missing')), { failure: /cannot be read: no such file/ })
})
