import { type Command, InvalidArgumentError } from 'commander'
import type { Verbosity } from '../report/describe.ts'
import type { GetOptions } from './get.ts'
import type { ConfigOptions } from './load-configuration.ts'
import { print, sayError } from './say.ts'

/** Options that every command takes, before or after its name. */
export interface GlobalOptions extends ConfigOptions {
  verbose?: boolean
  quiet?: boolean
}

/** Gets the exit status of the command that has run. */
export type Done = (status: number | Promise<number>) => Promise<void>

/** How much to tell. */
export function verbosityOf({ verbose, quiet }: GlobalOptions): Verbosity {
  return quiet ? 'quiet' : verbose ? 'verbose' : 'normal'
}

/** A whole number of runs, 0 or more. */
export function parseTimes(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number; 0 is for ever.')
  return Number(text)
}

/** Adds the options that every command takes. */
export function withGlobalOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file')
    .option('-v, --verbose', 'say more')
    .option('-q, --quiet', 'say only what went wrong')
    .option('--insecure-permissions', 'use files that others may have written')
}

/** A look-up, for `get` and for build-runner's `-g`. */
export async function lookUp(options: GetOptions): Promise<number> {
  const { getCommand } = await import('./get.ts')
  const err = (line: string) => sayError(`${line}\n`)
  return getCommand(options, process.env, bytes => print(bytes), err)
}
