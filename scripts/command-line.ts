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
  /** Empty for the program itself; two words for a command of a group. */
  name: string
  description: string
  /** `[taskdir]` and the like. */
  arguments: string[]
  argumentKind: ValueKind
  options: OptionFacts[]
  /** What its help says after the options. */
  after: string
}

/** Commands that share their first word. */
export interface GroupFacts {
  name: string
  description: string
  /** What the word does without another one, where it does something of its own. */
  own?: CommandFacts
  commands: CommandFacts[]
}

/** The program with its global options, then its commands and groups of them in the order of its help. */
export function commandLine(): {
  program: CommandFacts
  words: (CommandFacts | GroupFacts)[]
  /** All that can be run: the commands, and those of the groups. */
  commands: CommandFacts[]
} {
  const program = makeProgram([], async () => {})
  const words = program.commands.map(command =>
    command.commands.length > 0 ? groupOf(command) : factsOf(command),
  )
  return {
    program: { ...factsOf(program), name: '' },
    words,
    commands: words.flatMap(word => (isGroup(word) ? [...ownOf(word), ...word.commands] : word)),
  }
}

export const isGroup = (word: CommandFacts | GroupFacts): word is GroupFacts => 'commands' in word

/** What a word of a group does without another one. */
export const ownOf = ({ own }: GroupFacts): CommandFacts[] => (own === undefined ? [] : [own])

function groupOf(group: Command): GroupFacts {
  // commander tells nobody whether a group has an action of its own.
  const { _actionHandler: action } = group as unknown as { _actionHandler: unknown }
  return {
    name: group.name(),
    description: group.description(),
    ...(action ? { own: factsOf(group) } : {}),
    commands: group.commands.map(command => ({
      ...factsOf(command),
      name: `${group.name()} ${command.name()}`,
    })),
  }
}

const kinds: Record<string, ValueKind> = { '<file>': 'file', '<directory>': 'directory' }

function factsOf(command: Command): CommandFacts {
  const names = command.registeredArguments.map(argument => argument.name())
  return {
    name: command.name(),
    description: command.description(),
    arguments: command.registeredArguments.map(argument =>
      argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
    ),
    argumentKind: names.includes('taskdir') ? 'directory' : names.includes('file') ? 'file' : 'other',
    options: command.options.map(option => {
      const value = option.flags.match(/[<[].*[>\]]$/)?.[0]
      const preset = option.defaultValue
      return {
        ...(option.short === undefined ? {} : { short: option.short }),
        long: option.long!,
        ...(value === undefined ? {} : { value }),
        kind: kinds[value ?? ''] ?? 'other',
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
