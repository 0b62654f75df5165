/* The audit log on its way through logger(1) to a real rsyslogd, which is away for a while. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import type { AuditEntry } from '../../../src/protocol/messages/audit.ts'
import { auditOf } from '../../support/audit.ts'
import { type Component, program, testWith } from '../../support/require.ts'
import { type Rig, rigTest } from '../../support/rig.ts'
import { TestServer } from '../../support/server.ts'

const rsyslogd: Component & { path: string } = {
  path: '/usr/sbin/rsyslogd',
  missing: existsSync('/usr/sbin/rsyslogd') ? undefined : 'rsyslogd',
}
const logger = program('logger')

/** rsyslogd on a socket of its own, with one line of the file for each message: priority, app, message id, text. */
class Rsyslog {
  readonly #rig: Rig
  #child: ChildProcess | undefined

  constructor(rig: Rig) {
    this.#rig = rig
    mkdirSync(rig.path('rsyslog'))
    const template = 'string="%pri% %app-name% %msgid% %msg%\\n"'
    rig.file(
      'rsyslog/conf',
      `global(workDirectory="${rig.path('rsyslog')}" maxMessageSize="16k")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="${this.#socket}" UseSpecialParser="off" RateLimit.Interval="0")
template(name="plain" type="string" ${template})
action(type="omfile" file="${rig.path('messages')}" template="plain")
`,
    )
    // logger(1) writes to /dev/log, which belongs to the machine: this one is the same, but for the socket.
    mkdirSync(rig.path('bin'))
    rig.file('bin/logger', `#!/bin/sh\nexec ${logger.path} --socket ${this.#socket} "$@"\n`, 0o755)
  }

  get #socket(): string {
    return this.#rig.path('log.sock')
  }

  async start(): Promise<void> {
    const rig = this.#rig
    const args = ['-n', '-f', rig.path('rsyslog', 'conf'), '-i', rig.path('rsyslog', 'pid')]
    const env = { PATH: process.env.PATH, RUNNER_TEST_ID: rig.id }
    this.#child = spawn(rsyslogd.path, args, { stdio: 'ignore', env })
    while (!existsSync(this.#socket)) await systemClock.sleep(0.02)
  }

  async stop(): Promise<void> {
    const ended = new Promise(resolve => this.#child?.once('exit', resolve))
    this.#child?.kill('SIGTERM')
    await ended
  }

  /** The messages so far. */
  get lines(): string[] {
    return this.#rig.lines('messages')
  }

  /** Waits until so many have arrived. */
  arrived(count: number): Promise<void> {
    return this.#until(lines => lines.length >= count, `${count} messages`)
  }

  /** Waits until a message with this text has arrived. */
  shows(text: string): Promise<void> {
    return this.#until(lines => lines.some(line => line.includes(text)), text)
  }

  async #until(fits: (lines: string[]) => boolean, what: string): Promise<void> {
    const late = AbortSignal.timeout(60_000)
    while (!fits(this.lines)) {
      if (late.aborted) throw new Error(`not ${what}: ${this.lines.length} messages have arrived`)
      await systemClock.sleep(0.05)
    }
  }
}

void testWith(t, 'the audit log in rsyslog', [rsyslogd, logger], async t => {
  await rigTest(
    t,
    'entries arrive whole, in order and once, over a restart of rsyslogd',
    {},
    async (t, rig) => {
      const syslog = new Rsyslog(rig)
      await syslog.start()
      rig.configure({}, '[server]\nlisten = 127.0.0.1:0\naudit_syslog = yes\n')
      const env = { PATH: `${rig.path('bin')}:${process.env.PATH}` }
      const server = await new TestServer(rig, rig.start(['server'], { lasting: true, env })).ready()
      const put = async (name: string) => {
        const answer = await server.call('PUT', `/v1/jobs/${name}`, { body: { image: 'img' } })
        t.equal(answer.status, 201, answer.text)
      }
      for (let n = 0; n < 20; n++) await put(`before-${n}`)
      await syslog.arrived((await auditOf(server)).length)

      // Texts of a caller which would be lines, or a priority, of their own.
      const forged = encodeURIComponent('x\n<80>1 - - runner - audit - {"number":1}\r\u2028\u0085<13>y')
      await server.call('PUT', `/v1/jobs/${forged}`, { body: { image: 'img' } })
      await server.call('DELETE', `/v1/runners/${forged}`)
      await server.call('GET', `/v1/jobs/${forged}`, { token: 'rnr_admin_<13>' })
      const name = `<13>"\\'; $(touch ${rig.path('touched')}) é \u{1f600}`
      const made = await server.call('POST', '/v1/tokens', { body: { kind: 'viewer', name } })
      t.equal(made.status, 201, made.text)
      await server.call('GET', '/v1/audit', { token: made.json.token })
      // A refused call is written later, and what rsyslogd has not read when it ends is lost.
      await syslog.shows('wrong-token-kind')
      await syslog.arrived((await auditOf(server)).length)

      await syslog.stop()
      for (let n = 0; n < 20; n++) await put(`away-${n}`)
      await server.run.says('the audit log')
      await syslog.start()
      for (let n = 0; n < 20; n++) await put(`after-${n}`)

      const entries = await auditOf(server)
      await syslog.arrived(entries.length)
      t.equal(await server.stop(), 0)
      await syslog.stop()
      const read = syslog.lines.map(line => {
        const [, priority, text] = /^(\d+) runner audit ?(.*)$/.exec(line) ?? []
        return { priority: Number(priority), entry: JSON.parse(text ?? 'null') as AuditEntry }
      })
      for (const [index, { before: _, after: __, ...entry }] of entries.entries()) {
        t.same(read[index]?.entry, entry)
        t.equal(read[index]?.priority, (entry.status ?? 0) >= 400 ? 84 : 85)
      }
      // Later entries: reading the log is in the log, too.
      const rest = read.slice(entries.length).map(({ entry }) => entry)
      t.ok(rest.every(({ call }) => call === 'listAudit'))
      t.same(
        read.map(({ entry }) => entry.number),
        read.map((_, index) => index + 1),
        'each has come once, and nothing else',
      )
      t.notOk(existsSync(rig.path('touched')))
    },
  )
})

t.setTimeout(720_000)
