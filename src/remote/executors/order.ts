import { fail, ok, type Result } from '../../result.ts'

/** What an image says of itself, as far as a job needs it. */
export interface ImageFacts {
  /** By content: `sha256:…`. */
  id: string
  /** As it was asked for. */
  reference: string
  entrypoint: readonly string[]
  command: readonly string[]
  /** `NAME=value`. */
  env: readonly string[]
  workdir: string
  /** Empty where it has none. */
  stop_signal: string
  volumes: readonly string[]
  architecture: string
}

/** What of a program is the job's own. */
export interface ProgramSpec {
  /** Instead of entry point and command of the image. */
  command?: readonly string[] | undefined
  /** Instead of its command. */
  args?: readonly string[] | undefined
  /** Beside the image's. */
  env: Readonly<Record<string, string>>
}

/** The words to run: the job's, else the image's. */
export function wordsOf(
  image: Pick<ImageFacts, 'reference' | 'entrypoint' | 'command'>,
  { command, args }: ProgramSpec,
): Result<[string, ...string[]], string> {
  const [program, ...rest] = command ?? [...image.entrypoint, ...(args ?? image.command)]
  if (program === undefined || program === '')
    return fail(`the image ${image.reference} has neither entry point nor command; give the job a command`)
  return ok([program, ...rest])
}

const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`
const isVariable = (name: string) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)

/**
 * The file that supervisor.sh reads a program from: assignments in the language of the shell. The environment of the
 * image is already that of the container, but for names that no shell takes, and some that a shell changes. Fails
 * where a text has a NUL.
 */
export function orderText(
  [program, ...args]: readonly [string, ...string[]],
  env: Readonly<Record<string, string>>,
  image: Pick<ImageFacts, 'env' | 'workdir'>,
): Result<string, string> {
  const inherited = image.env.map(entry => {
    const at = entry.indexOf('=', 1)
    return [at === -1 ? entry : entry.slice(0, at), at === -1 ? '' : entry.slice(at + 1)] as const
  })
  const all = Object.entries({ ...Object.fromEntries(inherited), ...env })
  const odd = all.filter(([name]) => !isVariable(name)).map(([name, value]) => `${name}=${value}`)
  const lines = [
    ...all.filter(([name]) => isVariable(name)).map(([name, value]) => `export ${name}=${quote(value)}`),
    `rnr_program=${quote(program)}`,
    `rnr_workdir=${quote(image.workdir === '' ? '/' : image.workdir)}`,
    ...(odd.length === 0 ? [] : [`rnr_odd=${quote(odd.map(quote).join(' '))}`]),
    // Last, and as one line: a dot script keeps what it sets.
    `set -- ${args.map(quote).join(' ')}`,
  ]
  const text = `${lines.join('\n')}\n`
  return text.includes('\0') ? fail('a word or a variable has a NUL byte in it') : ok(text)
}

/** The half of a nonce that a job may know while it lives. */
export const halfOf = (nonce: string) => nonce.slice(0, -16)

/** How a job ended, as `exit` in its leaf says. */
export interface ExitFacts {
  /** As the shell has it: 128 and the number of a signal for one that a signal ended. */
  code: number
  /** What came first. */
  why: 'exit' | 'limit' | 'abort' | 'disk'
  /** The grace had run out: it was killed. */
  killed: boolean
  /** The program could not be started; the log says why. */
  refused: boolean
  /** Processes that outlived SIGKILL. */
  left: number
}

/** Reads an `exit`; undefined where it is none, or was not written by the one who got the order. */
export function parseExit(text: string, nonce: string): ExitFacts | undefined {
  // Behind it is the rest of what has kept its place.
  const match = text.match(/^([0-9a-f]+) (\d{1,3}) (exit|limit|abort|disk) ([01]) ([01]) (\d+)\n/)
  if (match?.[1] !== nonce) return undefined
  const [, , code, why, killed, refused, left] = match
  return {
    code: Number(code),
    why: why as ExitFacts['why'],
    killed: killed === '1',
    refused: refused === '1',
    left: Number(left),
  }
}
