import { execFile } from 'node:child_process'

export interface CommandOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  /** Seconds; 60 unless told. */
  patience?: number
}

/**
 * Runs a command to its end; resolves to what it wrote on standard output, without white space at the end.
 * Rejects, with all that it wrote, where it fails or takes too long.
 */
export function command(
  name: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { cwd, env = process.env, patience = 60 } = options
  return new Promise((resolve, reject) => {
    const limits = { timeout: patience * 1000, killSignal: 'SIGKILL', maxBuffer: 64 * 1024 * 1024 } as const
    execFile(name, args, { ...(cwd === undefined ? {} : { cwd }), env, ...limits }, (error, out, err) => {
      if (error === null) return resolve(out.trimEnd())
      const why = error.killed ? `took more than ${patience} s` : `status ${error.code}`
      reject(new Error(`${[name, ...args].join(' ')}: ${why}\n${out.slice(-4000)}${err.slice(-4000)}`))
    })
  })
}
