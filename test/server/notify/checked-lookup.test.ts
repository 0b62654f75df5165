import type { LookupAddress } from 'node:dns'
import t from 'tap'
import {
  checkedLookup,
  type LookUp,
  NotAllowed,
  notAllowed,
} from '../../../src/server/notify/checked-lookup.ts'

const leadingTo =
  (...addresses: string[]): LookUp =>
  (_host, _options, callback) =>
    callback(
      null,
      addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 })),
    )

function look(lookUp: LookUp, anywhere: boolean, all = true) {
  return new Promise<{ error: Error | null; found: string | LookupAddress[] }>(resolve =>
    checkedLookup(anywhere, lookUp)('hooks.example', { all }, (error, found) => resolve({ error, found })),
  )
}

t.test('only the public addresses of a name are used', async t => {
  const mixed = leadingTo('10.0.0.1', '8.8.8.8', '::1', '2606:4700::1111')
  t.match(await look(mixed, false), {
    error: null,
    found: [{ address: '8.8.8.8' }, { address: '2606:4700::1111' }],
  })
  t.match(await look(mixed, false, false), { error: null, found: '8.8.8.8' })
  t.match(await look(mixed, true, false), { error: null, found: '10.0.0.1' })
})

t.test('a name that leads to private addresses alone is refused', async t => {
  const { error } = await look(leadingTo('127.0.0.1', 'fe80::1'), false)
  t.ok(error instanceof NotAllowed)
  t.match(error?.message, /^hooks.example is on this host or in a private network, .*notify_private = yes/)
  t.match((await look(leadingTo('127.0.0.1'), true)).error, null)
})

t.test('a failed look-up is told as it is', async t => {
  const failing: LookUp = (_host, _options, callback) =>
    callback(Object.assign(new Error('x'), { code: 'ENOTFOUND' }), [])
  t.match((await look(failing, false)).error, { code: 'ENOTFOUND' })
})

t.test('an address in the place of a name is checked too', async t => {
  for (const host of ['127.0.0.1', '[::1]', '[::ffff:7f00:1]', '169.254.169.254'])
    t.ok(notAllowed(host, false) instanceof NotAllowed, host)
  t.equal(notAllowed('127.0.0.1', true), undefined)
  t.equal(notAllowed('8.8.8.8', false), undefined)
  t.equal(notAllowed('hooks.example', false), undefined)
  // URL makes one form of all ways to write an address.
  for (const text of ['http://0x7f.1/', 'http://2130706433/', 'http://127.1/'])
    t.ok(notAllowed(new URL(text).hostname, false), text)
})
