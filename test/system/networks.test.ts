import t from 'tap'
import { insideNetworks, isNetwork, plainAddress } from '../../src/system/networks.ts'

t.test('an address and a network are one, and nothing else is', async t => {
  for (const text of ['10.0.0.1', '10.0.0.0/8', '::1', '2001:db8::/32', '0.0.0.0/0'])
    t.ok(isNetwork(text), text)
  for (const text of [
    '',
    'localhost',
    '10.0.0',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '::/129',
    '1.2.3.4/-1',
  ])
    t.notOk(isNetwork(text), text)
})

t.test('an address is in a network of its kind', async t => {
  const has = insideNetworks(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32'])
  for (const address of ['10.255.0.1', '192.0.2.1', '2001:db8:1::1']) t.ok(has(address), address)
  for (const address of ['11.0.0.1', '192.0.2.2', '2001:db9::1', '::']) t.notOk(has(address), address)
})

t.test('an IPv4 address in IPv6 is that address', async t => {
  t.equal(plainAddress('::ffff:10.0.0.1'), '10.0.0.1')
  t.equal(plainAddress('fe80::1%eth0'), 'fe80::1')
  t.equal(plainAddress('unknown'), undefined)
})
