/* Writes the JSON Schema of the output of `--json` of all commands, and the page about it. */
import { outputs as ofChain } from '../src/cli/chain/outputs.ts'
import { commandGroups } from '../src/cli/commands.ts'
import { outputs as ofHost } from '../src/cli/host/outputs.ts'
import type { CommandOutputs } from '../src/cli/json-schema.ts'
import { outputs as ofOperator } from '../src/cli/operator/outputs.ts'
import { outputs as ofServer } from '../src/cli/server/outputs.ts'
import { lift } from '../src/protocol/openapi.ts'

/** The outputs by the words of their commands. */
export const outputs: CommandOutputs = { ...ofChain, ...ofOperator, ...ofServer, ...ofHost }

/** The name of the definition of a command. */
export const definitionOf = (command: string): string => `runner ${command}`

/** One schema of draft 7, with a definition for each command and for each message of the API that one prints. */
export function outputSchema() {
  const messages: Record<string, unknown> = {}
  const commands = Object.entries(outputs).map(([name, { about, schema }]) => {
    const plain = JSON.parse(JSON.stringify(schema)) as Record<string, unknown>
    const lifted = lift(plain, messages, '#/definitions/') as Record<string, unknown>
    // Draft 7 ignores what stands beside $ref.
    const whole = lifted.$ref === undefined ? lifted : { allOf: [lifted] }
    return [definitionOf(name), { description: about, ...whole }] as const
  })
  return {
    $id: 'https://runner.invalid/output.json',
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'What the commands of runner print with --json',
    definitions: { ...Object.fromEntries(commands), ...messages },
  }
}

/** The page, in Markdown. */
export function outputPage(): string {
  const shown = new Set<string>()
  const parts = Object.entries(commandGroups).map(([title, words]) => {
    const own = Object.keys(outputs).filter(name => words.includes(name.split(' ')[0]!) && !shown.has(name))
    for (const name of own) shown.add(name)
    const rows = own.map(name => {
      const { about, lines } = outputs[name]!
      const many =
        lines === undefined
          ? ''
          : `One object a line${lines === 'standard error' ? ', on standard error' : ''}. `
      return `| \`runner ${name}\` | ${many}${about.replaceAll('|', '\\|')} |`
    })
    return `## ${title}\n\n| command | JSON |\n| --- | --- |\n${rows.join('\n')}\n`
  })
  return `# JSON of the commands

With \`--json\` a command prints JSON alone on standard output; messages for people stay on standard error. Where nothing
else is said it is one value on one line. [output.schema.json](output.schema.json) has a definition for each command, such
as \`#/definitions/runner status\` (JSON Schema, draft 7): a test holds what the commands print against it. Readers pass
over fields that they do not know: a later release may have more. The exit status says the same with \`--json\` as without.
\`completion\`, \`help\` and \`version\` print text alone.

${parts.join('\n')}`
}
