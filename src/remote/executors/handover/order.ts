import { fail, ok, type Result } from '../../../result.ts'
import { shellQuote } from '../../../system/shell-quote.ts'
import type { JobResources } from '../executor.ts'
import type { ImageFacts } from '../image.ts'

/** The parts of a program that a job sets. */
export interface ProgramSpec {
  /** Replaces the entry point and the command of the image. */
  command?: readonly string[] | undefined
  /** Replaces the command of the image. */
  args?: readonly string[] | undefined
  /** Added to the environment of the image. */
  env: Readonly<Record<string, string>>
}

/** The program to run and its arguments: those of the job, else those of the image. */
export function wordsOf(
  image: Pick<ImageFacts, 'reference' | 'entrypoint' | 'command'>,
  { command, args }: ProgramSpec,
): Result<[string, ...string[]], string> {
  const [program, ...rest] = command ?? [...image.entrypoint, ...(args ?? image.command)]
  if (program === undefined || program === '')
    return fail(`the image ${image.reference} has neither entry point nor command; give the job a command`)
  return ok([program, ...rest])
}

const isVariable = (name: string) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)

/**
 * The text of the file `order`, from which supervisor.sh reads a program: assignments in the language of the
 * shell. It repeats the environment of the image, since a shell does not pass on every name and changes some.
 * Fails if a text has a NUL byte.
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
    ...all.filter(([name]) => isVariable(name)).map(([name, value]) => `export ${name}=${shellQuote(value)}`),
    `rnr_program=${shellQuote(program)}`,
    `rnr_workdir=${shellQuote(image.workdir === '' ? '/' : image.workdir)}`,
    ...(odd.length === 0 ? [] : [`rnr_odd=${shellQuote(odd.map(shellQuote).join(' '))}`]),
    // `set` comes last: it replaces the arguments of the supervisor's shell, which reads this file by `.`.
    `set -- ${args.map(shellQuote).join(' ')}`,
  ]
  const text = `${lines.join('\n')}\n`
  return text.includes('\0') ? fail('a word or a variable has a NUL byte in it') : ok(text)
}

/** The half of a nonce that a job may read while it lives. */
export const halfOf = (nonce: string) => nonce.slice(0, -16)

/** The end of a job, as the file `exit` in its exchange directory tells it. */
export interface ExitFacts {
  /** The exit status as in the shell: 128 plus the number of the signal for a job that a signal ended. */
  code: number
  /** The first reason for the end. */
  why: 'exit' | 'limit' | 'abort' | 'disk'
  /** The grace ran out, so the job was killed. */
  killed: boolean
  /** The program could not be started; the log says why. */
  refused: boolean
  /** Processes that outlived SIGKILL. */
  left: number
  /** Absent: a supervisor of an earlier release has written it, or the control groups did not tell. */
  used?: JobResources
  /**
   * The behaviour of a plugin that could stay for further jobs: it stays, it ended after its job, or it did
   * not ask for its input.
   */
  plugin?: 'stays' | 'left' | 'unused'
}

const endLine = /^([0-9a-f]+) (\d{1,3}) (exit|limit|abort|disk) ([01]) ([01]) (\d+)\n/
const usedLines = /(?:used (-|\d{1,15}) (-|\d{1,15})\n(?:(stays|left|unused)\n)?)?/
const exitLines = new RegExp(endLine.source + usedLines.source)

/** Reads the text of `exit`; undefined if it is incomplete, or does not have the nonce of the order. */
export function parseExit(text: string, nonce: string): ExitFacts | undefined {
  // After these lines comes the rest of the blanks that reserved the space.
  const match = text.match(exitLines)
  if (match?.[1] !== nonce) return undefined
  const [, , code, why, killed, refused, left, microseconds, bytes, note] = match
  const used = {
    ...(isNumber(microseconds) && { cpuSeconds: Number(microseconds) / 1e6 }),
    ...(isNumber(bytes) && { peakMemoryBytes: Number(bytes) }),
  }
  return {
    code: Number(code),
    why: why as ExitFacts['why'],
    killed: killed === '1',
    refused: refused === '1',
    left: Number(left),
    ...(Object.keys(used).length > 0 && { used }),
    ...(note !== undefined && { plugin: note as NonNullable<ExitFacts['plugin']> }),
  }
}

const isNumber = (text: string | undefined) => text !== undefined && text !== '-'
