/*
 * The command line as plain facts, from the same definitions that the program parses it by.
 */
import { constants } from 'node:os'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { commands as list } from '../src/cli/commands.ts'
import type { NewCommand } from '../src/cli/define-command.ts'
import type { CompletedKind } from '../src/cli/host/complete.ts'
import { makeProgram } from '../src/cli/program.ts'
import { callNames } from '../src/protocol/api.ts'
import { madeKinds } from '../src/protocol/messages/token-kinds.ts'
import { defined } from '../src/result.ts'

/**
 * The kinds of values that a shell completes: it completes files and directories by itself, fixed words from
 * the script, and the others by asking the program.
 */
export type ValueKind = 'file' | 'directory' | 'fixed' | 'other' | CompletedKind

/** A value of an option or an argument. */
export interface ValueFacts {
  kind: ValueKind
  /** All that it can be, where its kind is `fixed`. */
  choices?: readonly string[]
}

export interface OptionFacts extends ValueFacts {
  short?: string
  long: string
  /** `<file>`; absent where the option takes none. */
  value?: string
  /** Whether it may be given several times. */
  repeats: boolean
  description: string
  /** The default as text; absent where help need not show it. */
  preset?: string
}

export interface ArgumentFacts extends ValueFacts {
  name: string
  /** `[taskdir]` and the like. */
  shown: string
  /** Whether all further words are such, too. */
  repeats: boolean
}

export interface CommandFacts {
  /** Empty for the program itself; two words for a command of a group. */
  name: string
  description: string
  arguments: ArgumentFacts[]
  options: OptionFacts[]
  /** The part of its help after the options. */
  after: string
}

/** Commands that share their first word. */
export interface GroupFacts {
  name: string
  description: string
  /** The command of the first word alone, where it has an action of its own. */
  own?: CommandFacts
  commands: CommandFacts[]
}

export interface CommandLine {
  program: CommandFacts
  words: (CommandFacts | GroupFacts)[]
  /** All that can be run: the commands, and those of the groups. */
  commands: CommandFacts[]
}

/** The program with its global options, then its commands and groups of them in the order of its help. */
export async function commandLine(): Promise<CommandLine> {
  const program = await makeProgram([], async () => {})
  const words: (CommandFacts | GroupFacts)[] = []
  for (const command of program.commands) {
    const listed = list[command.name()]
    // `help` and `version` are of the program itself; a command that no help shows is on no page either.
    if (listed === undefined || listed.hidden) continue
    const { command: defined } = await listed.load()
    defined.addTo(command as NewCommand, async () => {})
    words.push(defined.commands === undefined ? factsOf(command) : groupOf(command, defined.hasOwn))
  }
  return {
    program: { ...factsOf(program), name: '' },
    words,
    commands: words.flatMap(word => (isGroup(word) ? [...ownOf(word), ...word.commands] : word)),
  }
}

export const isGroup = (word: CommandFacts | GroupFacts): word is GroupFacts => 'commands' in word

/** The command of the first word of a group, as a list of none or one. */
export const ownOf = ({ own }: GroupFacts): CommandFacts[] => (own === undefined ? [] : [own])

function groupOf(group: CommandUnknownOpts, hasOwn: boolean): GroupFacts {
  return {
    name: group.name(),
    description: group.description(),
    ...(hasOwn ? { own: factsOf(group) } : {}),
    commands: group.commands.map(command => ({
      ...factsOf(command),
      name: `${group.name()} ${command.name()}`,
    })),
  }
}

/** The kinds of values by their names in the definitions of commands: `<file>`, `[taskdir]`. */
const kinds: Readonly<Record<string, ValueKind>> = {
  file: 'file',
  directory: 'directory',
  taskdir: 'directory',
  task: 'tasks',
  run: 'runs',
  which: 'logs',
  key: 'keys',
  job: 'jobs',
  words: 'jobs',
  id: 'executions',
  ids: 'active',
  node: 'nodes',
  group: 'groups',
  token: 'tokens',
  namespace: 'namespaces',
  target: 'targets',
  'target=events': 'targets',
  states: 'states',
  zone: 'zones',
}

/** All that a value can be, by its name, where its definition does not list it. */
const fixed: Readonly<Record<string, readonly string[]>> = {
  role: madeKinds,
  call: callNames,
  signal: Object.keys(constants.signals),
}

function valueFacts(name: string, choices: readonly string[] | undefined): ValueFacts {
  const all = choices ?? fixed[name]
  return all === undefined ? { kind: kinds[name] ?? 'other' } : { kind: 'fixed', choices: all }
}

function factsOf(command: CommandUnknownOpts): CommandFacts {
  return {
    name: command.name(),
    description: command.description(),
    arguments: command.registeredArguments.map(argument => {
      const name = argument.name()
      const dots = argument.variadic ? '...' : ''
      return {
        name,
        shown: argument.required ? `<${name}${dots}>` : `[${name}${dots}]`,
        // Only the first of several words can be a job: the others are a command.
        repeats: argument.variadic && name !== 'words',
        ...valueFacts(name, argument.argChoices),
      }
    }),
    options: command.options.flatMap(option => {
      if (option.hidden) return []
      const value = option.flags.match(/[<[].*[>\]]$/)?.[0]
      const preset = option.defaultValue
      return {
        ...defined({ short: option.short, value }),
        long: option.long!,
        ...valueFacts(value?.slice(1, -1) ?? '', option.argChoices),
        repeats: Array.isArray(preset),
        description: option.description,
        ...(typeof preset === 'number' || typeof preset === 'string' ? { preset: String(preset) } : {}),
      }
    }),
    after: afterHelp(command),
  }
}

function afterHelp(command: CommandUnknownOpts): string {
  let all = ''
  command.configureOutput({ writeOut: text => (all += text), getOutHelpWidth: () => 80 })
  command.outputHelp()
  return all.slice(all.indexOf(command.helpInformation()) + command.helpInformation().length).trim()
}
