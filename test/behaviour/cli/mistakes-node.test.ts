/* The mistakes of somebody whose host is to take jobs: each message says what is wrong, where, and how to mend it. */
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { makeMistakes } from '../../support/mistakes.ts'
import { said } from '../../support/operator.ts'
import { rigTest } from '../../support/rig.ts'
import { serverTest } from '../../support/server.ts'

t.setTimeout(900_000)

const day = 86_400_000

rigTest(t, 'mistakes on a host without a server', {}, async (t, rig) => {
  const own = '[runner]\nstate_dir = state\n'
  rig.configure({}, '[server]\ndata_dir = data\n[executor]\ndocker_host = unix:///nowhere.sock')
  rig.file('tls.cfg', `${own}[remote]\nurl = https://127.0.0.1:1\nca_file = runner.cfg\ncapacity = 5\n`)
  rig.file(
    'store.cfg',
    `${own}[server]\ndatabase = mysql://x\nlisten = 80\nkey_file = none/key\ntls_cert = x\n`,
  )
  rig.file('dir.cfg', `${own}[server]\ndata_dir = runner.cfg\n`)
  rig.file('state.cfg', `${own}[remote]\nurl = http://127.0.0.1:1\nstate_dir = runner.cfg\n`)
  await makeMistakes(t, rig, {
    'attach names no server': {
      args: ['attach'],
      status: 64,
      says: [
        /no server is named: give --server with its address \(http.*\), or set url in \[remote\]\nrunner: the runner has not/,
      ],
    },
    'attach has mistakes in its configuration': {
      args: ['-c', 'tls.cfg', 'attach'],
      status: 78,
      says: [/tls\.cfg:6: error: \[remote\] has no key capacity\n +correct it, or take it out/],
    },
    'the state directory of attach is a file': {
      args: ['-c', 'state.cfg', 'attach'],
      status: 78,
      says: [
        /the state directory \S+runner\.cfg cannot be used: it is not a directory; set state_dir in \[remote\]/,
      ],
    },
    'a server has mistakes in its configuration': {
      args: ['-c', 'store.cfg', 'server'],
      status: 78,
      says: [
        /store\.cfg:4: error: database is "mysql:\/\/x"; it must be sqlite:PATH or postgres:\/\/USER@HOST\/NAME\n +\S/,
        /store\.cfg:5: error: listen is "80"; it must be an address and a port, such as 127\.0\.0\.1:8080/,
        /store\.cfg:7: error: \[server\] has no key tls_cert\n +\S/,
      ],
    },
    'the data directory of a server is a file': {
      args: ['-c', 'dir.cfg', 'server'],
      status: 69,
      says: [
        /the directory \S+runner\.cfg cannot be used: it is not a directory; set data_dir in \[server\]/,
      ],
    },
    'a server would listen for everybody without TLS': {
      args: ['server', '--listen', '0.0.0.0:0'],
      status: 78,
      says: [/the server would listen on 0\.0\.0\.0 without TLS: .*\n +set tls_cert_file and tls_key_file/],
    },
  })
})

serverTest(t, 'mistakes of a host that is to take jobs', {}, async (t, server) => {
  const { rig } = server
  rig.file('wrong', 'stranger\n', 0o600)
  rig.configure({}, '[remote]\nhealth_listen = 127.0.0.1:0\n[executor]\ndocker_host = unix:///nowhere.sock')
  const attached = rig.start(['attach', '--server', server.url, '--token-file', 'wrong'], { lasting: true })
  await attached.says('not registered: ')
  await attached.says('no job can be started: ')
  attached.child.kill('SIGTERM')
  t.equal(await attached.ended, 0)
  t.match(
    attached.text,
    /not registered: the token in wrong was refused: .*does not know this token.*`runner token create`.*; trying again/,
  )
  // A machine without busybox lacks that first.
  t.match(
    attached.text,
    /no job can be started: (the engine at unix:\/\/\/nowhere\.sock cannot be reached: .*; start the engine, or name another one as docker_host|.*busybox)/,
  )

  const { hostname, port } = new URL(server.url)
  const late = createServer((asked, answered) => {
    const { url, method, headers } = asked
    const passed = request({ hostname, port, path: url, method, headers }, answer => {
      const times = String(answer.headers['runner-time']).split(',')
      const time = times.map(at => Number(at) - day).join()
      answered.writeHead(answer.statusCode!, { ...answer.headers, 'runner-time': time })
      answer.pipe(answered)
    })
    asked.pipe(passed)
  })
  await new Promise<void>(resolve => late.listen(0, '127.0.0.1', resolve))
  try {
    const url = `http://127.0.0.1:${(late.address() as AddressInfo).port}`
    const doctor = await said(rig.start(['doctor', '--server', url, '--token-file', 'wrong']))
    t.equal(doctor.status, 1)
    t.match(
      doctor.out,
      /FAILED +engine: .*; start the engine, or name another one as docker_host in \[executor\]/,
    )
    t.match(
      doctor.out,
      /FAILED +clock: this clock is 86\d{3} s ahead of the server's: set one of them right \(timedatectl/,
    )
    t.match(doctor.out, /FAILED +token: the token in wrong was refused: .*does not know this token/)
  } finally {
    late.close()
    late.closeAllConnections()
  }
})

serverTest(t, 'a second node with the name of the first', {}, async (t, server) => {
  const { rig } = server
  const first = await server.runner({ name: 'build-1' })
  t.ok(first)
  rig.configure({}, '[remote]\nhealth_listen = 127.0.0.1:0\n[executor]\ndocker_host = unix:///nowhere.sock')
  const token = rig.path('state', 'server', 'registration.token')
  const attach = (...more: string[]) =>
    rig.start(['attach', '--server', server.url, '--token-file', token, ...more], { lasting: true })
  const second = attach('--name', 'build-1')
  await second.says(
    'has the name build-1: set another name by --name or in [remote], or, if that one is gone',
  )
  second.child.kill('SIGTERM')
  t.equal(await second.ended, 0)
  const third = attach('--name', 'build-2')
  await third.says('as build-2, ')
  await third.says('no job can be started: ')
  third.child.kill('SIGTERM')
  t.equal(await third.ended, 0)
  t.notMatch(third.text, 'not been tried', 'no warning of what is tried in a moment')
})

serverTest(t, 'doctor without the name of a server takes that of this host', {}, async (t, server) => {
  const { rig, url } = server
  const settings = '[executor]\ndocker_host = unix:///nowhere.sock'
  rig.configure({}, `[server]\nlisten = 127.0.0.1:${new URL(url).port}\n${settings}`)
  const { out } = await said(rig.start(['doctor']))
  t.match(
    out,
    /ok +server: \S+ answers .*; it is the server of this host, to which `runner attach --server \S+ --token-file \S+registration\.token` attaches\n/,
  )
  t.match(out, /ok +token: it can register runners/)
  const warnings = out.split('\n').filter(line => line.includes('the registration token'))
  t.match(warnings, [/^WARNING +registration token: /], 'said once')
})
