/* A mail server of its own for a test: aiosmtpd on a loopback port. */
import { spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import type { Component } from './require.ts'
import { fixtures } from './rig.ts'

const python = '/usr/bin/python3'

/** The Debian package python3-aiosmtpd. */
export const mailServer: Component = {
  missing:
    spawnSync(python, ['-c', 'import aiosmtpd']).status === 0 ? undefined : 'the Python module aiosmtpd',
}

export interface Mail {
  from: string
  to: string[]
  content: string
  tls: boolean
  authenticated: boolean
}

export class MailServer implements AsyncDisposable {
  readonly port: number
  readonly #process
  readonly #lines: AsyncIterator<string>

  private constructor(process: ReturnType<typeof start>, lines: AsyncIterator<string>, port: number) {
    this.#process = process
    this.#lines = lines
    this.port = port
  }

  /** With these it wants STARTTLS and a password. */
  static async open(
    secured: { certFile: string; keyFile: string; user: string; password: string } | undefined = undefined,
  ): Promise<MailServer> {
    const process = start(
      secured === undefined ? [] : [secured.certFile, secured.keyFile, secured.user, secured.password],
    )
    const lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]()
    const { port } = JSON.parse(String((await lines.next()).value)) as { port: number }
    return new MailServer(process, lines, port)
  }

  /** Waits for the next mail. */
  async next(): Promise<Mail> {
    return JSON.parse(String((await this.#lines.next()).value)) as Mail
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#process
  }
}

const start = (args: string[]) =>
  execa('setpriv', ['--pdeathsig', 'KILL', python, `${fixtures}/mail-server.py`, ...args], {
    buffer: false,
    reject: false,
    stderr: 'inherit',
  })
