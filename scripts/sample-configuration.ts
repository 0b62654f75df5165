/*
 * The configuration that the Debian package installs: every key with its default, as comments.
 */
import type { Key } from '../src/config/kinds.ts'
import { executorKeys, remoteKeys, runnerKeys, serverKeys } from '../src/config/schema.ts'

const width = 100

export function sampleConfiguration(): string {
  const keys = Object.entries(runnerKeys).map(key => entry(key))
  const server = Object.entries(serverKeys).map(([name, key]) =>
    // Where runner-server.service may write, and commands of root find its token.
    entry([name, key], name === 'database' ? 'sqlite:/var/lib/runner-server/server.db' : undefined),
  )
  const executor = Object.entries(executorKeys).map(key => entry(key))
  const remote = Object.entries(remoteKeys).map(key => entry(key))
  return `# Configuration of the chain that runner.service runs at boot: see runner.cfg(5).
# What is commented out shows the default. \`runner check\` says what is wrong with this file.

[runner]
${keys.join('\n')}
# The environment of every task and hook.
[env]

# What \`runner server\` goes by, on a host that hands jobs out.
[server]
${server.join('\n')}
# What \`runner attach\` goes by, on a host that takes jobs from a server.
[remote]
${remote.join('\n')}
# What jobs in containers get.
[executor]
${executor.join('\n')}
# Settings of one task stand in a section of its name, such as [mount] for tasks.d/20-mount.sh: max_time, max_tries,
# depends_on and others. All other sections are for the tasks to look up: $RUNNER_CONFIG_CMD -g section.key
`
}

/** A key with its default as a comment, or with a value. */
function entry([name, { default: preset, description }]: [string, Key], value?: string): string {
  const comment = wrap(description.replaceAll('`', ''))
    .map(line => `# ${line}\n`)
    .join('')
  if (value !== undefined) return `${comment}${name} = ${value}\n`
  return `${comment}#${name} =${preset === undefined ? '' : ` ${preset}`}\n`
}

function wrap(text: string): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`.trimStart()
    if (longer.length > width) lines.push(word)
    else lines[lines.length - 1] = longer
  }
  return lines
}
