import type { Command } from '@commander-js/extra-typings'
import type { Verbosity } from '../report/describe.ts'

/** Adds the options that every command takes, before or after its name. */
export const globalOptions = (command: Command) =>
  command
    .option('-c, --config <file>', 'configuration file', parsePath)
    .option('-v, --verbose', 'print more details')
    .option('-q, --quiet', 'print only problems')
    .option('--insecure-permissions', 'use files and directories that other users may write to')

export type GlobalOptions = ReturnType<ReturnType<typeof globalOptions>['opts']>

/** The verbosity that the options ask for. */
export function verbosityOf({ verbose, quiet }: GlobalOptions): Verbosity {
  return quiet ? 'quiet' : verbose ? 'verbose' : 'normal'
}

/**
 * Refuses the value of an option or an argument. commander knows such an error by its code; its own class
 * would bring commander into the bundle of every command.
 */
export class InvalidValue extends Error {
  readonly code = 'commander.invalidArgument'
  readonly exitCode = 1
}

/** A path that a shell has not left empty, as it does with an unset variable. */
export function parsePath(text: string): string {
  if (text !== '') return text
  throw new InvalidValue('It must not be empty; is a variable of the shell not set?')
}

/** Adds a value to those of an option that may be given several times. */
export const collect = (value: string, all: string[]): string[] => [...all, value]

/** Adds a name and its value to those of an option that may be given several times. */
export function addPair(text: string, all: Readonly<Record<string, string>>): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidValue('It must be a name and a value, with = between them.')
  return { ...all, [text.slice(0, at)]: text.slice(at + 1) }
}

/** Parses a number of runs, 0 or more. */
export function parseTimes(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidValue('It must be a whole number; 0 is for ever.')
  return Number(text)
}

/** Parses a whole number between two bounds, both included. */
export function wholeNumber(least: number, most: number) {
  return (text: string): number => {
    const number = /^-?\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    if (number >= least && number <= most) return number
    throw new InvalidValue(`It must be a whole number from ${least} to ${most}.`)
  }
}
