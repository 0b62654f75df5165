import t from 'tap'
import { cookieName, cookiesIn, setCookie } from '../../../src/server/browser/cookies.ts'

t.test('the name has the port by which the browser has come', async t => {
  t.equal(cookieName({ host: '127.0.0.1:8080' }, false), 'runner_session_8080')
  t.equal(cookieName({ host: '[::1]:8080' }, false), 'runner_session_8080')
  t.equal(cookieName({ host: 'runner.example' }, true), '__Host-runner_session_443')
  t.equal(cookieName({ ':authority': 'runner.example:8443' }, true, 'oidc'), '__Host-runner_oidc_8443')
  for (const host of [undefined, '', 'a:b', 'a:1;b', '[::1]', 'a:123456'])
    t.equal(cookieName({ host }, false), 'runner_session_80', host ?? 'none')
})

t.test('cookies are found by their name', async t => {
  t.same(cookiesIn({}, 'a'), [])
  t.same(cookiesIn({ cookie: 'b=1; a=2;a=3 ; a=2; xa=4; a' }, 'a'), ['2', '3'])
  t.same(cookiesIn({ cookie: 'a=b=c' }, 'a'), ['b=c'])
})

t.test('a cookie is set and removed with the same attributes', async t => {
  t.equal(setCookie('a', 'b', { secure: false }), 'a=b; Path=/; HttpOnly; SameSite=Strict')
  t.equal(
    setCookie('a', 'b', { secure: true, sameSite: 'Lax', seconds: 5 }),
    'a=b; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=5',
  )
  t.equal(setCookie('a', '', { secure: true }), 'a=; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=0')
})
