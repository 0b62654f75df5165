/* Runs the blocks of a page (pages.ts) with the program under test. */
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import type { Test } from 'tap'
import { defined } from '../../src/result.ts'
import { type Block, blocksOf, compare, constantPart } from './pages.ts'
import { launcher, type Rig } from './rig.ts'
import type { Run } from './run.ts'

/** Where the blocks of a page run. */
export interface PageShell {
  /** Runs commands to their end; `output` is what they wrote on both outputs. */
  run(script: string): Promise<{ status: number; output: string }>
  /** Starts a command in another terminal; resolves when it has written a text. */
  start(command: string, says: string): Promise<void>
  /** Writes a file. */
  write(path: string, text: string, mode: number): Promise<void>
  /** Ends all that is left of it. */
  close(): Promise<void>
}

/** Runs one block: all its commands, the status of the first one that failed. */
const loop = `
set -E
trap 'failed=\${failed:-$?}' ERR
while read -r block; do
  failed=
  . "$block" > "$block.out" 2>&1 < /dev/null
  echo "$block ends \${failed:-0} in $PWD"
done`

export interface RigShellOptions {
  env?: NodeJS.ProcessEnv
  /** A command that executes the program of each terminal, and its arguments. */
  before?: readonly string[]
  /** Where the commands begin, in the directory of the rig; it is made. */
  folder?: string
  /** Seconds after which a block, or a wait for what a terminal says, has failed; 60 unless told. */
  timeout?: number
}

/**
 * A shell in the directory of a rig, with `runner` on its PATH. Another terminal begins in the directory in which the last
 * block has ended.
 */
export class RigShell implements PageShell {
  readonly #rig: Rig
  readonly #dir: string
  readonly #env: NodeJS.ProcessEnv
  readonly #shell: Run
  readonly #terminals: { terminal: Run; command: string; says: string }[] = []
  readonly #before: string[]
  readonly #timeout: { timeout?: number }
  #folder: string
  #blocks = 0

  constructor(rig: Rig, { env = {}, before = [], folder = '.', timeout }: RigShellOptions = {}) {
    this.#rig = rig
    this.#timeout = defined({ timeout })
    this.#before = [...before]
    this.#dir = rig.path(folder)
    this.#folder = this.#dir
    const bin = join(this.#dir, 'bin')
    for (const folder of [bin, join(this.#dir, '.page')]) mkdirSync(folder, { recursive: true, mode: 0o755 })
    symlinkSync(launcher, join(bin, 'runner'))
    this.#env = { PATH: `${bin}:${process.env.PATH}`, ...env }
    const stdio = ['pipe', 'pipe', 'pipe'] as const
    this.#shell = rig.start(['-c', loop], {
      program: 'bash',
      before: this.#before,
      env: this.#env,
      cwd: this.#dir,
      lasting: true,
      stdio: [...stdio],
      ...this.#timeout,
    })
  }

  #file(script: string): string {
    const file = join(this.#dir, '.page', `${++this.#blocks}`)
    writeFileSync(file, script)
    return file
  }

  async run(script: string): Promise<{ status: number; output: string }> {
    const file = this.#file(script)
    this.#shell.child.stdin!.write(`${file}\n`)
    const ends = `${file} ends `
    await this.#shell.says(ends)
    const [, status, folder] = /^(\d+) in (.*)\n/.exec(this.#shell.text.split(ends)[1]!)!
    this.#folder = folder!
    return { status: Number(status), output: readFileSync(`${file}.out`, 'utf8') }
  }

  async start(command: string, says: string): Promise<void> {
    const args = [this.#file(`exec ${command}`)]
    const [env, before, cwd] = [this.#env, this.#before, this.#folder]
    const how = { program: 'bash', lasting: true, ...this.#timeout }
    const terminal = this.#rig.start(args, { ...how, env, before, cwd })
    this.#terminals.push({ terminal, command, says })
    await terminal.says(says)
  }

  /** Ends what runs in the latest of the other terminals, and starts it again. */
  async again(): Promise<void> {
    const { terminal, command, says } = this.#terminals.pop()!
    terminal.child.kill('SIGTERM')
    await terminal.ended
    await this.start(command, says)
  }

  /** Sends a signal to what runs there, and waits for what it says then. */
  async signal(name: NodeJS.Signals, says: string): Promise<void> {
    const { terminal } = this.#terminals.at(-1)!
    terminal.child.kill(name)
    await terminal.says(says)
  }

  async write(path: string, text: string, mode: number): Promise<void> {
    const whole = isAbsolute(path) ? path : join(this.#dir, path)
    mkdirSync(dirname(whole), { recursive: true, mode: 0o755 })
    writeFileSync(whole, text)
    chmodSync(whole, mode)
  }

  /** Ends what runs in other terminals, the latest first, and the shell. */
  async close(): Promise<void> {
    this.#shell.child.stdin!.end()
    await this.#shell.ended
    for (const { terminal } of this.#terminals.toReversed()) {
      terminal.child.kill('SIGTERM')
      await terminal.ended
    }
  }
}

export interface Following {
  /** Texts of the page, paths and addresses, with those that a test has in their place. */
  replace?: Record<string, string>
  /**
   * Runs before a block, and beside it if it takes longer: a runner takes the job that the commands submit,
   * or a test does a step itself that it cannot run.
   */
  beside?(block: Block): Promise<unknown> | undefined
  /** Only the blocks of these sections. */
  sections?: readonly string[]
}

/**
 * Follows a page from its first block to its last: writes its files, runs its commands, and compares what they print and
 * how they end. Stops at the first block that does otherwise. Resolves to the number of blocks that were run.
 */
export async function follow(
  t: Test,
  page: string,
  shell: PageShell,
  { replace = {}, beside, sections }: Following = {},
): Promise<number> {
  const pairs = Object.entries(replace).toSorted(([one], [other]) => other.length - one.length)
  const ids = new Map<string, string>()
  const there = (text: string) =>
    [...pairs, ...ids].reduce((result, [from, to]) => result.replaceAll(from, to), text)
  const here = (text: string) => pairs.reduce((result, [from, to]) => result.replaceAll(to, from), text)
  let count = 0
  for (const block of blocksOf(page)) {
    if (sections !== undefined && !sections.includes(block.section)) continue
    const name = `${page}:${block.line}: ${block.text.split('\n')[0]}`
    const others = beside?.(block)
    if (block.does === 'file')
      await shell.write(there(block.path), there(block.text), block.text.startsWith('#!') ? 0o755 : 0o644)
    if (block.does === 'lasts') await shell.start(there(block.text), there(constantPart(block.prints ?? '')))
    if (block.does === 'run') {
      const [{ status, output }] = await Promise.all([shell.run(there(block.text)), others])
      const came = here(output)
      const found = block.prints === undefined ? new Map<string, string>() : compare(block.prints, came)
      if (!t.equal(status, block.status, `${name}: ends with ${block.status}`, { came })) break
      if (!t.ok(found, `${name}: prints what the page says`, { came, says: block.prints })) break
      for (const [id, other] of found!) ids.set(id, other)
    }
    if (block.does !== 'nothing') count++
    await others
  }
  return count
}

/** The directory of a rig in the place of these paths of a page: `/etc/runner` is `etc/runner` there. */
export function below(rig: Rig, ...paths: string[]): Record<string, string> {
  return Object.fromEntries(paths.map(path => [path, join(rig.dir, path)]))
}
