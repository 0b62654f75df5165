import { existsSync } from 'node:fs'
import type { Command, CommandUnknownOpts, OptionValues } from '@commander-js/extra-typings'
import { shown } from '../system/printable.ts'
import { guessOf } from './guess.ts'
import type { GlobalOptions } from './options.ts'

/**
 * A command to which its definition adds arguments and options; types alone, so that no command loads
 * commander.
 */
export type NewCommand = Command<[], Record<never, never>, GlobalOptions>

/** Gets the exit status of the command that has run. */
export type Finish = (status: number | Promise<number>) => Promise<void>

type Values<Options extends OptionValues> = ReturnType<Command<[], Options, GlobalOptions>['optsWithGlobals']>

/** The values of the options that a function adds, and of the global options. */
export type OptionsOf<Add extends (command: NewCommand) => { optsWithGlobals(): unknown }> = ReturnType<
  ReturnType<Add>['optsWithGlobals']
>

/** One command. Its name is its key, in `commands.ts` or in its group. */
export interface CommandDefinition<
  Args extends unknown[],
  Options extends OptionValues,
  Shared extends OptionValues,
> {
  description: string
  /** Adds arguments and options: the types of what the action gets follow from them. */
  options(command: NewCommand): Command<Args, Options, GlobalOptions>
  /** Its last arguments are the words of a command to run, which may have options of its own. */
  runsWords?: true
  /** Paragraphs of help between the options and the examples, such as the exit statuses. */
  notes?: string
  /** Command lines, each with a comment where it is not plain. */
  examples: readonly string[]
  /** Executes the command; gives the exit status. */
  action(options: Values<Options> & Shared, args: Args, env: NodeJS.ProcessEnv): number | Promise<number>
}

/** Commands that share their first word. */
export interface GroupDefinition {
  description: string
  commands: Readonly<Record<string, DefinedCommand>>
  /** Runs where no second word is named: a command of the group by its name, or one of its own. */
  own?: DefinedCommand | string
}

/** A command or a group, ready to be added to the program. */
export interface DefinedCommand {
  description: string
  /** The commands of a group. */
  commands?: Readonly<Record<string, DefinedCommand>>
  /** Whether the first word of a group does something that none of its commands does. */
  hasOwn: boolean
  /** Gives a command of the program its arguments, options, help and action. */
  addTo(command: NewCommand, finish: Finish): void
}

/** The most columns of prose, however wide the terminal is. */
const widestProse = 120
/** The columns of a help that is not written to a terminal. */
const offTerminal = 80

/** Paragraphs in lines as wide as the help of the command, for standard error or standard output. */
function filled(paragraphs: string, command: NewCommand, isError: boolean): string {
  const { getErrHelpWidth, getOutHelpWidth } = command.configureOutput()
  const width = (isError ? getErrHelpWidth : getOutHelpWidth)?.() ?? offTerminal
  const help = command.createHelp()
  return paragraphs
    .split('\n\n')
    .map(text => help.boxWrap(text.replaceAll('\n', ' '), Math.min(width, widestProse)))
    .join('\n\n')
}

/** Makes a `defineCommand` whose commands take these options too; their help lists them after their own. */
export const definesCommandsWith =
  <Shared extends OptionValues>(addShared: (command: NewCommand) => Command<[], Shared, GlobalOptions>) =>
  <Args extends unknown[], Options extends OptionValues>(
    definition: CommandDefinition<Args, Options, Shared>,
  ): DefinedCommand => {
    const { description, notes, examples } = definition
    const lines = ['Examples:', ...examples.map(example => `  ${example}`)].join('\n')
    return {
      description,
      hasOwn: true,
      addTo(command, finish) {
        const own = definition.options(command.description(description))
        const shared = addShared(command)
        command.addHelpText('after', ({ error }) => {
          const prose = notes === undefined ? '' : `${filled(notes, command, error)}\n\n`
          return `\n${prose}${lines}`
        })
        const dashes = definition.runsWords ? `; ${wordsBehindDashes}` : ''
        command.showHelpAfterError(
          `runner: \`runner ${pathOf(command)} --help\` shows what it takes${dashes}`,
        )
        own.action(() => {
          // An option that both a group and its command have is the group's, wherever it is on the line.
          const options = { ...shared.opts(), ...own.optsWithGlobals() }
          if (definition.runsWords) refuseForeignConfig(command, options.config)
          return finish(definition.action(options, own.processedArgs, process.env))
        })
      },
    }
  }

/** Defines a command; each file of a command exports one as `command`. */
export const defineCommand = definesCommandsWith(command => command)

export function defineGroup({ description, commands, own }: GroupDefinition): DefinedCommand {
  return {
    description,
    commands,
    hasOwn: typeof own === 'object',
    addTo(command, finish) {
      if (typeof own === 'object') {
        own.addTo(command, finish)
        // A word that is not a command would be an argument too many: "no such command" says more.
        command.allowExcessArguments().hook('preAction', (_, acting) => {
          if (acting === command) refuseUnknown(command, Object.keys(commands))
        })
      }
      command.description(description).helpCommand(true)
      if (typeof own !== 'object')
        command.showHelpAfterError(`runner: \`runner ${command.name()} --help\` lists its commands`)
      if (typeof own === 'string')
        command.addHelpText('after', `\nWithout a command: runner ${command.name()} ${own}`)
      for (const [name, defined] of Object.entries(commands))
        defined.addTo(command.command(name, { isDefault: name === own }), finish)
      if (typeof own === 'string')
        command.hook('preSubcommand', group => refuseUnknown(group, Object.keys(commands)))
    },
  }
}

const wordsBehindDashes = 'put `--` before a command to run that has options, as in: -- sh -c "echo hello"'

/** Refuses the `-c` of a command to run, as in `submit sh -c ls`, taken for an option of runner. */
function refuseForeignConfig(command: CommandUnknownOpts, config: string | undefined): void {
  const [word] = command.args
  if (config === undefined || word === undefined || existsSync(config)) return
  if (process.argv.indexOf('-c') < process.argv.indexOf(word)) return
  command.showHelpAfterError(`runner: ${wordsBehindDashes}`)
  command.error(`error: -c is runner's own option here, and there is no file ${shown(config)}`)
}

/** The words of a command. */
export function pathOf(command: CommandUnknownOpts): string {
  const { parent } = command
  return parent?.parent == null ? command.name() : `${parent.name()} ${command.name()}`
}

/**
 * Refuses a second word that is not a command of the group: it would be an argument of the one that runs
 * without a word.
 */
function refuseUnknown(group: CommandUnknownOpts, names: readonly string[]): void {
  const [word] = group.args
  if (word === undefined || word.startsWith('-') || names.includes(word)) return
  const name = group.name()
  const guess = guessOf(word, names)
  const hint = guess === undefined ? `\`runner ${name} --help\` lists them` : `did you mean ${name} ${guess}?`
  group.showHelpAfterError(false).error(`error: ${name} has no command ${shown(word)}; ${hint}`)
}
