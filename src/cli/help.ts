/* The help of the program, on one screen, and the command `help`. */
import type { Command, CommandUnknownOpts } from '@commander-js/extra-typings'
import { print } from '../report/say.ts'
import { commandGroups, commandOf, commands, otherCommands } from './commands.ts'
import { guessOf } from './guess.ts'
import type { GlobalOptions } from './options.ts'
import { topics } from './topics.ts'

/** Characters of a name, and of a half of the screen. */
const [nameWidth, half] = [10, 39]

/** Two columns, read from the top to the bottom. */
function inColumns(names: readonly string[]): string {
  const entries = names.map(name => `  ${name.padEnd(nameWidth)} ${commands[name]!.summary}`)
  const rows = Math.ceil(entries.length / 2)
  return entries
    .slice(0, rows)
    .map((entry, row) => `${entry.padEnd(half)} ${entries[row + rows] ?? ''}`.trimEnd())
    .join('\n')
}

/**
 * The output of `runner --help`: at most 80 characters wide and 24 lines long, the size of the smallest
 * terminal.
 */
export function programHelp(): string {
  const groups = Object.entries(commandGroups).map(([title, names]) => `${title}:\n${inColumns(names)}`)
  return `Usage: runner [options] <command>      (of a command: runner run --help)
${groups.join('\n')}
Other: ${otherCommands.join(', ')}. Begin: runner help ${Object.keys(topics).join('|')}
Options: -c, --config <file>  -v, --verbose  -q, --quiet  -V, --version
`
}

/** Adds `runner help`, with a topic, a command, or a command of a group behind it. */
export function addHelpCommand(
  program: Command<[], GlobalOptions>,
  load: (name: string) => Promise<void>,
): void {
  program.helpCommand(false)
  program
    .command('help')
    .description('show help: of the program, of a topic or of a command')
    .argument('[words...]')
    .action(async words => {
      const [first] = words
      const topic = first === undefined || !Object.hasOwn(topics, first) ? undefined : topics[first]
      if (topic !== undefined && words.length === 1) return print(topic.text)
      let command: CommandUnknownOpts = program
      for (const word of words) {
        if (command === program) await load(word)
        const found = command.commands.find(one => one.name() === word)
        if (found === undefined)
          return command
            .showHelpAfterError(false)
            .error(
              `error: there is no help for '${words.join(' ')}': ` +
                `it is neither a command nor a topic${hintFor(word, command)}`,
            )
        command = found
      }
      command.outputHelp()
    })
}

/** The commands below a title of the help of the program; undefined where a word is not a title. */
function namesIn(word: string): readonly string[] | undefined {
  const group = Object.entries(commandGroups).find(([title]) => title.toLowerCase() === word.toLowerCase())
  return group?.[1]
}

/** A hint about the topic or the command, of the program or of a group, that was probably meant. */
function hintFor(word: string, group: CommandUnknownOpts): string {
  const names = group.commands.map(one => one.name())
  const guess = guessOf(word, group.parent === null ? [...Object.keys(topics), ...names] : names)
  const inGroup = group.parent === null ? namesIn(word) : undefined
  if (inGroup !== undefined) return `; ${inGroup.join(', ')} are its commands: \`runner help ${inGroup[0]}\``
  if (guess !== undefined) return `; did you mean ${commandOf(guess) ?? guess}?`
  return `; \`runner${group.parent === null ? '' : ` ${group.name()}`} --help\` lists them`
}
