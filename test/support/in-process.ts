import { makeProgram } from '../../src/cli/program.ts'
import type { Said } from './operator.ts'

/**
 * Runs a command in this process: a fiftieth of the time that a start of the program takes. For commands that end by
 * themselves; one after the other, because the output of this process is theirs meanwhile.
 */
export async function inProcess(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Said> {
  const said = { status: 0, out: '', err: '' }
  const before = { ...process.env }
  const { stdout, stderr } = process
  const own = [stdout.write, stderr.write] as const
  // biome-ignore lint/suspicious/noExplicitAny: `write` has three forms
  const catching = (stream: 'out' | 'err') => (text: any, encoding?: any, done?: any) => {
    said[stream] += typeof text === 'string' ? text : Buffer.from(text).toString()
    const callback = typeof encoding === 'function' ? encoding : done
    callback?.()
    return true
  }
  Object.assign(process.env, env)
  stdout.write = catching('out')
  stderr.write = catching('err')
  try {
    const finish = async (status: number | Promise<number>) => {
      said.status = await status
    }
    await (await makeProgram(argv, finish)).parseAsync([...argv], { from: 'user' })
  } finally {
    ;[stdout.write, stderr.write] = own
    for (const name of Object.keys(env)) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
  }
  return said
}
