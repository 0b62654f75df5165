export interface CommandOptions {
  cwd?: string
  /** Its whole environment; that of this process unless told. */
  env?: NodeJS.ProcessEnv
  /** Seconds; 60 unless told. */
  timeout?: number
}

/**
 * Runs a command to its end; resolves to what it wrote on standard output, without white space at the end.
 * Rejects, with all that it wrote, where it fails or takes too long.
 */
export async function command(
  name: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { cwd, env, timeout = 60 } = options
  // Loaded here: sixty files of tests import this one, and most of them run no command.
  const { execa } = await import('execa')
  const { stdout } = await execa(name, args, {
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env, extendEnv: false }),
    timeout: timeout * 1000,
    killSignal: 'SIGKILL',
  })
  return stdout.trimEnd()
}
