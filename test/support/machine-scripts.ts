/*
 * Shell scripts on a machine, through one docker(1) for many of them: with one for each, client, engine and containerd take
 * more time than most scripts. Script and outputs are files in a directory that machine and host share.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { execa } from 'execa'
import { systemClock } from '../../src/edges.ts'
import { readOrEmpty } from './read-or-empty.ts'

/** Seconds that a script may take. */
const limit = 60

/** Starts each script whose path it reads, and says its path and status when it has ended. */
const loop = `
while read -r script; do
  (
    sh -e "$script" > "$script.out" 2> "$script.err" < /dev/null && status=0 || status=$?
    echo "$script $status"
  ) &
done`

interface Options {
  /** The words after `docker` that run a program on the machine with this process's pipe as its standard input. */
  words: readonly string[]
  /** The shared directory, on this host and on the machine. */
  here: string
  there: string
}

export class MachineScripts {
  readonly #options: Options
  /** The waiting calls, by the path of the running script on the machine. */
  readonly #waiting = new Map<string, (status: string) => void>()
  /** The input of the shell that starts scripts, while it runs. */
  #stdin: Writable | undefined
  #count = 0

  constructor(options: Options) {
    mkdirSync(options.here)
    this.#options = options
  }

  /** Runs a script; resolves to its output, without line ends behind it. Rejects where it fails, or takes too long. */
  async run(script: string): Promise<string> {
    const { here, there } = this.#options
    const name = String(++this.#count)
    writeFileSync(join(here, name), script)
    const path = join(there, name)
    const { promise, resolve } = Promise.withResolvers<string>()
    this.#waiting.set(path, resolve)
    this.#stdin ??= this.#open()
    this.#stdin.write(`${path}\n`)
    const over = new AbortController()
    const late = systemClock.sleep(limit, over.signal).then(() => `no status within ${limit} s`)
    const status = await Promise.race([promise, late])
    over.abort()
    this.#waiting.delete(path)
    const said = (kind: string) => readOrEmpty(join(here, `${name}.${kind}`)).trimEnd()
    if (status === '0') return said('out')
    throw new Error(`a script ended with ${status}:\n${script}\n${said('err')}\n${said('out')}`)
  }

  /** Starts the shell that starts scripts. */
  #open(): Writable {
    const words = [...this.#options.words, 'sh', '-c', loop]
    const shell = execa('docker', words, { stdio: ['pipe', 'pipe', 'ignore'], reject: false, buffer: false })
    shell.stdin.on('error', () => {})
    void this.#listen(shell)
    return shell.stdin
  }

  async #listen(shell: AsyncIterable<string>): Promise<void> {
    for await (const line of shell) {
      const [path = '', status = ''] = line.split(' ')
      this.#waiting.get(path)?.(status)
    }
    this.#stdin = undefined
    for (const end of this.#waiting.values()) end('the end of the machine, or of docker(1)')
  }
}
