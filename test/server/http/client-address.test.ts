import t from 'tap'
import { clientAddress } from '../../../src/server/http/client-address.ts'

const behind = clientAddress(['127.0.0.0/8', '::1', '10.0.0.0/8'])
const plain = (text: string) => behind('127.0.0.1', { 'x-forwarded-for': text })
const standard = (text: string) => behind('::ffff:127.0.0.1', { forwarded: text })

t.test('nobody is believed who is not trusted', async t => {
  const headers = { 'x-forwarded-for': '192.0.2.1', forwarded: 'for=192.0.2.1' }
  t.equal(clientAddress([])('127.0.0.1', headers), '127.0.0.1')
  t.equal(behind('::ffff:198.51.100.1', headers), '198.51.100.1')
  t.equal(behind(undefined, headers), '')
})

t.test('what proxies say is read from the right, past trusted ones', async t => {
  t.equal(plain('192.0.2.1'), '192.0.2.1')
  t.equal(plain('203.0.113.9, 192.0.2.1, 10.0.0.1'), '192.0.2.1')
  t.equal(plain('10.0.0.2, 10.0.0.1'), '10.0.0.2')
  t.equal(plain('192.0.2.1:4711'), '192.0.2.1')
  t.equal(plain('[2001:db8::1]:4711'), '2001:db8::1')
  t.equal(plain('2001:db8::1'), '2001:db8::1')
  t.equal(standard('for=203.0.113.9, For="192.0.2.1:80";proto=http, by=x;for=10.0.0.1'), '192.0.2.1')
  t.equal(standard('for="[2001:db8::1]:4711"'), '2001:db8::1')
  t.equal(behind('::1', { 'x-forwarded-for': '192.0.2.1', forwarded: 'for=203.0.113.9' }), '192.0.2.1')
})

t.test('where a hop is hidden or is no address, the proxy that says so is what is known', async t => {
  t.equal(plain('<script>'), '127.0.0.1')
  t.equal(plain('192.0.2.1, unknown'), '127.0.0.1')
  t.equal(plain('192.0.2.1, unknown, 10.0.0.1'), '10.0.0.1')
  t.equal(plain(''), '127.0.0.1')
  t.equal(standard('for=_hidden'), '127.0.0.1')
  t.equal(standard('proto=https'), '127.0.0.1')
  t.equal(behind('127.0.0.1', {}), '127.0.0.1')
})
