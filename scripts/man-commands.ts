/*
 * A man page for each group of commands, and what such pages have of a command.
 */
import { commandGroups } from '../src/cli/commands.ts'
import { topics } from '../src/cli/topics.ts'
import { type CommandFacts, type CommandLine, isGroup, type OptionFacts, ownOf } from './command-line.ts'
import { escaped, heading, inline, page, paragraphs, section, text, verbatim } from './roff.ts'

/** The introduction of the group of services, which has none in the help. */
const services = {
  summary: 'what runs as a service, and what looks after it',
  text: 'The server hands out jobs, and an attached runner on each node takes them; both run under systemd, or in the foreground.',
}

/** The word of a group of the help: `chain`. */
const wordOf = (title: string): string => title.split(' ')[0]!.toLowerCase()

/** The name of the page of a group: `runner-chain`. */
export const pageOf = (title: string): string => `runner-${wordOf(title)}`

/** The names of pages of section 1 (and of runner.cfg, which is in section 5), as a section refers to them. */
export const seeAlso = (names: readonly string[]): string =>
  names.map(name => `.BR ${escaped(name)} (${name === 'runner.cfg' ? 5 : 1})`).join(',\n')

/** The pages of all groups, by their files. */
export function groupPages(line: CommandLine, version: string): Record<string, string> {
  return Object.fromEntries(
    Object.keys(commandGroups).map(title => [`man/${pageOf(title)}.1`, groupPage(title, line, version)]),
  )
}

function groupPage(title: string, { program, words }: CommandLine, version: string): string {
  const { summary, text: about } = topics[wordOf(title)] ?? services
  // In the order of the group, not in that of all commands.
  const listed = commandGroups[title]!.map(name => words.find(word => word.name === name)!)
  const commands = listed.flatMap(word => (isGroup(word) ? [...ownOf(word), ...word.commands] : word))
  const toServer = commands.find(one => ownOptions(one).length < one.options.length)
  const [introduction = ''] = about.split('\n\n')
  const others = Object.keys(commandGroups).filter(other => other !== title)
  return page([
    heading(pageOf(title).toUpperCase(), 1, version),
    section('NAME', `${pageOf(title).replace('-', '\\-')} \\- ${summary}`),
    `.SH SYNOPSIS\n${commands.map(synopsis).join('\n')}\n.YS`,
    section(
      'DESCRIPTION',
      paragraphs(
        introduction.replaceAll('\n', ' ').trim(),
        `${topics[wordOf(title)] === undefined ? '' : `\`runner help ${wordOf(title)}\` is an introduction on one screen. `}runner(1) has the files, the environment and all exit statuses.`,
      ),
    ),
    '.SH COMMANDS',
    ...commands.map(command),
    section('OPTIONS OF EVERY COMMAND', options([...program.options, helpOption])),
    ...(toServer === undefined
      ? []
      : [
          section(
            'OPTIONS FOR A SERVER',
            text('Every command to a server takes these, wherever it says that it does:'),
          ),
          options(serverOptions(toServer)),
        ]),
    section('SEE ALSO', seeAlso(['runner', ...others.map(pageOf), 'runner.cfg'])),
  ])
}

/** The line that shows how to type a command, with its options. */
function synopsis(facts: CommandFacts): string {
  const own = ownOptions(facts)
  const parts = own.map(({ short, long, value, repeats }) => {
    const name = `\\fB${escaped(short ?? long)}\\fR`
    const bare = value === undefined ? name : `${name}\\ ${argument(value)}`
    return `[${bare}]${repeats ? '...\\&' : ''}`
  })
  const shared = own.length === facts.options.length ? [] : ['[\\fIserver options\\fR]']
  const names = facts.arguments.map(({ shown }) => argument(shown))
  return `.SY "runner ${facts.name}"\n${[...parts, ...shared, ...names].join('\n')}`
}

export const helpOption = { short: '-h', long: '--help', description: 'show the help of a command' }

function argument(name: string): string {
  return name.startsWith('[') ? `[\\fI${name.slice(1, -1)}\\fR]` : `\\fI${name.slice(1, -1)}\\fR`
}

export function options(
  all: readonly Pick<OptionFacts, 'short' | 'long' | 'value' | 'description' | 'preset'>[],
): string {
  return all
    .map(({ short, long, value, description, preset }) => {
      const names = [short, long].flatMap(name => (name === undefined ? [] : `\\fB${escaped(name)}\\fR`))
      const shown = value === undefined ? '' : ` ${argument(value)}`
      const rest = preset === undefined ? '' : ` (default: ${preset})`
      return `.TP\n${names.join(', ')}${shown}\n${inline(`${description}${rest}`)}`
    })
    .join('\n')
}

/** Options that say which server, and how to reach it. */
const serverNames = ['--server', '--token-file', '--ca-file', '--cert-file', '--key-file', '--proxy']

const serverOptions = ({ options }: CommandFacts) => options.filter(({ long }) => serverNames.includes(long))

/** Its options but those for a server, where it takes all of these. */
function ownOptions(facts: CommandFacts): OptionFacts[] {
  const shared = serverOptions(facts)
  return shared.length < serverNames.length
    ? facts.options
    : facts.options.filter(option => !shared.includes(option))
}

/** A command with its options, notes and examples. */
export function command(facts: CommandFacts): string {
  const { name, arguments: names, description, after } = facts
  const [, status = '', example] = after.match(/^((?:(?!Examples:)[\s\S])*)(Examples:[\s\S]*)?$/) ?? []
  const own = ownOptions(facts)
  const notes = status.trim() === '' ? [] : status.trim().split('\n\n')
  return [
    `.SS "runner ${[name, ...names.map(({ shown }) => shown)].join(' ')}"`,
    inline(`${description[0]!.toUpperCase()}${description.slice(1)}.`),
    ...(own.length > 0 ? [options(own)] : []),
    ...(own.length === facts.options.length ? [] : [text('It takes the options for a server.')]),
    ...notes.map(note => text(note.replaceAll('\n', ' '))),
    ...(example === undefined ? [] : ['.PP\nExamples:', examples(example)]),
  ].join('\n')
}

/** The lines below `Examples:`. */
export function examples(after: string): string {
  const body = after.slice(after.indexOf('Examples:') + 'Examples:'.length).split('\n\n')[0]!
  return verbatim(body.replace(/^\n/, '').replace(/^ {2}/gm, ''))
}
