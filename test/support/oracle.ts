import { join } from 'node:path'
import { execa, execaSync } from 'execa'
import type { Component } from './require.ts'

/** Debian's own first: another one on the PATH may be slow to start. */
const path = ['/usr/bin/python3', 'python3'].find(
  path => !execaSync(path, ['-c', ''], { reject: false }).failed,
)

export const python: Component & { path: string } = {
  path: path ?? '',
  missing: path === undefined ? 'the program python3' : undefined,
}

/** The sections and in each the keys and values, in order of first appearance. */
export type Values = [section: string, entries: [key: string, value: string][]][]

/** One Python process that reads files as the dialect's model does. */
export class Oracle implements AsyncDisposable {
  readonly #child
  readonly #answers

  constructor() {
    const script = join(import.meta.dirname, '..', 'fixtures', 'oracle.py')
    this.#child = execa(python.path, [script], { stdio: ['pipe', 'pipe', 'inherit'], buffer: false })
    this.#answers = this.#child.iterable()
  }

  /** The values of the files, merged. One question at a time. */
  async ask(files: Uint8Array[]): Promise<Values> {
    const question = JSON.stringify(files.map(file => Buffer.from(file).toString('base64')))
    this.#child.stdin.write(`${question}\n`)
    const { value, done } = await this.#answers.next()
    if (done) throw new Error('the oracle has ended')
    return JSON.parse(value) as Values
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end()
    await this.#child
  }
}
