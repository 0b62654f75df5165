/*
 * The command line as plain facts, from the same definitions that the program parses it by.
 */
import type { Command } from 'commander'
import { makeProgram } from '../src/cli/main.ts'

/** What a value is, as far as a shell can help with it. */
export type ValueKind = 'file' | 'directory' | 'other'

export interface OptionFacts {
  short?: string
  long: string
  /** `<file>`; absent where the option takes none. */
  value?: string
  kind: ValueKind
  /** Whether it may be given several times. */
  repeats: boolean
  description: string
  /** As text; absent where it goes without saying. */
  preset?: string
}

export interface CommandFacts {
  /** Empty for the program itself. */
  name: string
  description: string
  /** `[taskdir]` and the like. */
  arguments: string[]
  argumentKind: ValueKind
  options: OptionFacts[]
  /** What its help says after the options. */
  after: string
}

/** The program with its global options, then its commands. */
export function commandLine(): { program: CommandFacts; commands: CommandFacts[] } {
  const program = makeProgram([], async () => {})
  return {
    program: { ...factsOf(program), name: '' },
    commands: program.commands.map(factsOf),
  }
}

function factsOf(command: Command): CommandFacts {
  const names = command.registeredArguments.map(argument => argument.name())
  return {
    name: command.name(),
    description: command.description(),
    arguments: command.registeredArguments.map(argument =>
      argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
    ),
    argumentKind: names.includes('taskdir') ? 'directory' : 'other',
    options: command.options.map(option => {
      const value = option.flags.match(/[<[].*[>\]]$/)?.[0]
      const preset = option.defaultValue
      return {
        ...(option.short === undefined ? {} : { short: option.short }),
        long: option.long!,
        ...(value === undefined ? {} : { value }),
        kind: value === '<file>' ? 'file' : 'other',
        repeats: Array.isArray(preset),
        description: option.description,
        ...(typeof preset === 'number' || typeof preset === 'string' ? { preset: String(preset) } : {}),
      }
    }),
    after: afterHelp(command),
  }
}

function afterHelp(command: Command): string {
  let all = ''
  command.configureOutput({ writeOut: text => (all += text), getOutHelpWidth: () => 80 })
  command.outputHelp()
  return all.slice(all.indexOf(command.helpInformation()) + command.helpInformation().length).trim()
}
