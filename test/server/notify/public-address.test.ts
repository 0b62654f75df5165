import fc from 'fast-check'
import t from 'tap'
import { isPublic } from '../../../src/server/notify/public-address.ts'

t.test('addresses that everybody reaches are public', async t => {
  for (const address of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1'])
    t.ok(isPublic(address), address)
})

t.test('addresses of this host, of private networks and special ones are not', async t => {
  const own = [
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '192.0.2.1',
    '::',
    '::1',
    'fc00::1',
    'fd12::1',
    'fe80::1',
    'fe80::1%eth0',
    'fec0::1',
    'ff02::1',
    '2001:db8::1',
    // An IPv4 address in other clothes: mapped, NAT64, 6to4, Teredo, compatible.
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '::FFFF:192.168.1.1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '2002:7f00:1::',
    '2001::1',
    '::127.0.0.1',
    '0:0:0:0:0:ffff:a00:1',
  ]
  for (const address of own) t.notOk(isPublic(address), address)
})

t.test('what is no address is not public', async t => {
  for (const text of ['', 'localhost', '127.1', '0x7f000001', '2130706433', '1.2.3.4/8', '[::1]'])
    t.notOk(isPublic(text), text)
})

t.test('an IPv4 address and the same one mapped into IPv6, or behind NAT64, are judged alike', async () => {
  fc.assert(
    fc.property(fc.ipV4(), address => {
      const plain = isPublic(address)
      const [a, b, c, d] = address.split('.').map(Number)
      const groups = [a! * 256 + b!, c! * 256 + d!].map(group => group.toString(16)).join(':')
      return [`::ffff:${address}`, `::ffff:${groups}`, `64:ff9b::${groups}`].every(
        other => isPublic(other) === plain,
      )
    }),
  )
})
