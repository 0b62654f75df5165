/* The page of all commands, in Markdown, from the definitions that the program parses its command line by. */
import { commandGroups } from '../src/cli/commands.ts'
import type { CommandFacts, CommandLine, OptionFacts } from './command-line.ts'

/** Options that say which server, and how to reach it: shown once for all commands to a server. */
const forServer = ['--server', '--token-file', '--ca-file', '--cert-file', '--key-file', '--proxy']

/** The whole page. */
export function commandsPage({ program, commands }: CommandLine): string {
  const submit = commands.find(({ name }) => name === 'submit')!
  const shown = new Set<CommandFacts>()
  const chapters = Object.entries(commandGroups).map(([title, words]) => {
    const own = words
      .flatMap(word => commands.filter(({ name }) => name.split(' ')[0] === word))
      .filter(command => !shown.has(command))
    for (const command of own) shown.add(command)
    return `## ${title}\n\n${own.map(chapter).join('\n')}`
  })
  return `# Commands

All commands with their options, in the groups of \`runner --help\`. This page has what \`runner COMMAND --help\` prints.
\`runner help chain\`, \`jobs\`, \`schedules\` and \`fleet\` are short introductions. The exit statuses of
\`runner run\` are in [Configuration](configuration.md#exit-status), those of commands to a server in
[The server](server.md#commands-to-a-server). [JSON of the commands](json.md) says what each prints with \`--json\`.

![The help of the program](../pictures/help.svg)

## Options of all commands

${table(program.options)}
## Options for a server

Each command to a server takes these.

${table(submit.options.filter(({ long }) => forServer.includes(long)))}
${chapters.join('\n')}`
}

function chapter({ name, arguments: names, description, options, after }: CommandFacts): string {
  const server = options.filter(({ long }) => forServer.includes(long))
  const all = server.length === forServer.length
  const own = all ? options.filter(option => !server.includes(option)) : options
  return [
    `### runner ${name}\n`,
    `\`runner ${[name, ...names.map(({ shown }) => shown)].join(' ')}\`: ${description}.\n`,
    ...(own.length === 0 ? [] : [table(own)]),
    ...(all ? ['It also takes the [options for a server](#options-for-a-server).\n'] : []),
    ...(after === '' ? [] : [`\`\`\`text\n${after}\n\`\`\`\n`]),
  ].join('\n')
}

function table(options: readonly OptionFacts[]): string {
  const rows = options.map(({ short, long, value, description, preset }) => {
    const names = [short, long].filter(name => name !== undefined).join(', ')
    const rest = preset === undefined ? '' : ` (default: ${preset})`
    const words = `${description}${rest}`.replaceAll('|', '\\|').replaceAll('*', '\\*')
    return `| \`${names}${value === undefined ? '' : ` ${value}`}\` | ${words} |`
  })
  return `| option | meaning |\n| --- | --- |\n${rows.join('\n')}\n`
}
