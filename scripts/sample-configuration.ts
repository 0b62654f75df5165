/*
 * The configuration that the Debian package installs: every key with its default, as comments.
 */
import type { Key } from '../src/config/key.ts'
import type { Section } from '../src/config/section.ts'
import { families, sections } from '../src/config/sections/all.ts'

const width = 100

/** The values that differ from the defaults. */
const values: Record<string, string> = {
  // A directory that runner-server.service may write, and in which commands of root find its token.
  'server.database': 'sqlite:/var/lib/runner-server/server.db',
}

export function sampleConfiguration(): string {
  const all = Object.entries(sections).map(([name, section]) => sectionText(name, section))
  // A section without a name would be read: all of it is a comment.
  const many = Object.entries(families).map(([name, section]) =>
    sectionText(`${name}.NAME`, section).replaceAll(/^(?=\[)/gm, '#'),
  )
  return `# Configuration of the chain that runner.service runs at boot: see runner.cfg(5).
# Lines that are commented out show the defaults. \`runner check\` reports mistakes in this file.

${[...all, ...many].join('')}\
# Settings of one task are in a section with its name, such as [mount] for tasks.d/20-mount.sh: max_time, max_tries,
# depends_on and others. All other sections are for the tasks to look up: $RUNNER_CONFIG_CMD -g section.key
`
}

function sectionText(name: string, { about, keys }: Section): string {
  const heading = about === undefined ? '' : `# ${about}\n`
  const entries = Object.entries(keys).map(([key, facts]) => entry(key, facts, values[`${name}.${key}`]))
  return `${heading}[${name}]\n${entries.join('\n')}\n`
}

/** A key with its default as a comment, or with a value. */
function entry(name: string, { preset, description }: Key<unknown>, value: string | undefined): string {
  const comment = wrap(description.replaceAll('`', ''))
    .map(line => `# ${line}\n`)
    .join('')
  if (value !== undefined) return `${comment}${name} = ${value}\n`
  return `${comment}#${name} =${typeof preset === 'string' ? ` ${preset}` : ''}\n`
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
