import type { Test } from 'tap'
import { said } from './operator.ts'
import type { Rig, StartOptions } from './rig.ts'

/**
 * A typical mistake: a command line, and the parts that its message must have: the mistake, its place, and
 * the way to fix it.
 */
export interface Mistake {
  args: string[]
  status: number
  /** Each has to match what is said on standard error. */
  says: RegExp[]
  env?: NodeJS.ProcessEnv
}

/** Makes each mistake by the program; `title` is what the user did. */
export async function makeMistakes(
  t: Test,
  rig: Rig,
  mistakes: Record<string, Mistake>,
  options: StartOptions = {},
): Promise<void> {
  for (const [title, { args, status, says, env = {} }] of Object.entries(mistakes))
    await t.test(title, async t => {
      const run = rig.start(args, { ...options, env: { ...options.env, ...env } })
      const { err, status: ended } = await said(run)
      t.equal(ended, status, err)
      isSound(t, err)
      for (const words of says) t.match(err, words)
    })
}

/**
 * Holds messages to their form: each begins with `runner: `, after it may come indented lines with the remedy; nothing is
 * said twice, and no stack or code of the program is shown.
 */
export function isSound(t: Test, text: string): void {
  const lines = text.split('\n').slice(0, -1)
  t.ok(text.endsWith('\n') && lines.length > 0, 'something is said, in whole lines')
  t.match(lines[0], /^runner: \S/, 'the first line')
  for (const line of lines) t.match(line, /^(runner: \S| {4,}\S|[a-z]+ {2,}\S)/, 'a line of a message')
  t.same(
    lines.filter((line, at) => lines.indexOf(line) !== at && line.startsWith('runner: ')),
    [],
    'no line comes twice',
  )
  t.notMatch(
    text,
    /\n\s+at |internal error|\bundefined\b|\[object |NaN|DeprecationWarning|must match pattern/,
    'nothing of the inside of the program',
  )
}
