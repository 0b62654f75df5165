import { Command, type CommandUnknownOpts, Help, type Option } from '@commander-js/extra-typings'
import { exitStatus } from '../exit-status.ts'
import { print } from '../report/say.ts'
import {
  addBuildRunnerCommand,
  isBuildRunnerSpelling,
  refuseCommand,
  unknownCommand,
} from './chain/compat.ts'
import { commandOf, commands } from './commands.ts'
import type { Finish, NewCommand } from './define-command.ts'
import { addHelpCommand, programHelp } from './help.ts'
import { globalOptions } from './options.ts'
import { usageError } from './usage-error.ts'
import { readVersion } from './version.ts'

/** Options that are off, or have no values, do not say so. */
const helpSettings = {
  showGlobalOptions: true,
  optionDescription(option: Option): string {
    const { defaultValue, description } = option
    const isEmpty = defaultValue === false || (Array.isArray(defaultValue) && defaultValue.length === 0)
    return isEmpty ? description : new Help().optionDescription(option)
  },
}

/** The program; the file of a command is loaded when the command is asked for, or its help. */
export async function makeProgram(argv: readonly string[], finish: Finish): Promise<CommandUnknownOpts> {
  const program = globalOptions(new Command('runner'))
    .description(
      "Runs a host's chain of tasks at boot, " +
        'takes jobs from a server and runs them in containers, and is that server.',
    )
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(usageError(text)) })
    .configureHelp(helpSettings)
    .showSuggestionAfterError()
    .showHelpAfterError('runner: `runner --help` shows commands and options')
  const unknown = unknownCommand(argv)
  if (unknown !== undefined) return refuseCommand(program, unknown, finish)
  if (isBuildRunnerSpelling(argv)) return addBuildRunnerCommand(program, finish)
  const asks = (...words: string[]) => argv.some(word => words.includes(word))
  if (asks('-V', '--version')) program.version(readVersion(), '-V, --version')
  else program.option('-V, --version', 'print the version')

  const waiting = new Map<string, CommandUnknownOpts>()
  const load = async (name: string) => {
    const command = waiting.get(name)
    if (command === undefined || !waiting.delete(name)) return
    const { command: defined } = await commands[commandOf(name)!]!.load()
    defined.addTo(command as NewCommand, finish)
  }
  for (const [name, { aliases = [], hidden = false }] of Object.entries(commands)) {
    waiting.set(name, program.command(name, { hidden }))
    for (const alias of aliases) waiting.set(alias, program.command(alias, { hidden: true }))
  }
  program.hook('preSubcommand', (_, command) => load(command.name()))
  addHelpCommand(program, load)
  program
    .command('version')
    .description('print the version')
    .action(() => {
      print(`${readVersion()}\n`)
      return finish(exitStatus.ok)
    })
  // The commands have copied the settings before.
  return program.configureHelp({ ...helpSettings, formatHelp: programHelp })
}
