import t from 'tap'
import { isLoopback } from '../../src/system/loopback.ts'

t.test('loopback is what only this machine can be', async t => {
  for (const host of ['localhost', 'LocalHost', '127.0.0.1', '127.255.0.9', '::1', '[::1]'])
    t.ok(isLoopback(host), host)
  for (const host of [
    '127.example.com',
    '127.0.0.1.example.com',
    '127.0.0.256',
    '128.0.0.1',
    'localhost.example.com',
    '',
    '0.0.0.0',
    '::',
    '[::]',
    '[::1',
    '::ffff:127.0.0.1',
    '10.127.0.1',
  ])
    t.notOk(isLoopback(host), host)
})

t.test('the host of a URL counts as it is written there', async t => {
  t.ok(isLoopback(new URL('http://127.1:80').hostname), 'a URL writes all four parts')
  t.ok(isLoopback(new URL('http://[0:0::1]').hostname), 'and the shortest form of IPv6')
  t.notOk(isLoopback(new URL('http://127.evil.example').hostname))
})
