import { exitStatus } from '../../exit-status.ts'
import { bodyBounds, parseWithin } from '../../protocol/json-bounds.ts'
import type { Settings } from '../../protocol/messages/settings.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { jsonText } from '../../system/printable.ts'
import { defineGroup } from '../define-command.ts'
import { type ConnectOptions, defineServerCommand, refuseUsage, sayFailure, withClient } from './connect.ts'
import { readText } from './definition.ts'

/** Prints the rules of namespaces as JSON, as `settings put` takes them. */
function showSettings(options: ConnectOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const settings = await client.call('getSettings', {})
    if (!settings.ok) return sayFailure(settings.failure)
    if (options.json) printJson(settings.value)
    else print(`${jsonText(settings.value, 2)}\n`)
    return exitStatus.ok
  })
}

/** Sets the rules of all namespaces to those in a file. */
async function putSettings(options: ConnectOptions, file: string, env: NodeJS.ProcessEnv): Promise<number> {
  const text = readText(file)
  if (!text.ok) return refuseUsage(text.failure)
  const read = parseWithin(Buffer.from(text.value), bodyBounds)
  if (!read.ok) return refuseUsage(`${file} has no settings in it: it ${read.failure.detail}`)
  // The server validates it.
  const body = read.value as Settings
  return withClient(options, env, async client => {
    const put = await client.call('putSettings', { body })
    if (!put.ok)
      return put.failure.reason === 'malformed'
        ? refuseUsage(`${file}: ${put.failure.message}`)
        : sayFailure(put.failure)
    if (options.json) printJson(put.value)
    else if (!options.quiet) sayError('runner: the settings are in force\n')
    return exitStatus.ok
  })
}

const notes = `Rules of a namespace: images (patterns, * stands for anything), digests_only, queued,
submits_per_minute, token_submits_per_minute, log_bytes_per_hour, output_bytes_per_hour; those of the
namespace * hold where one has none of its own.`

const show = defineServerCommand({
  description: 'print the rules and quotas of namespaces',
  options: command => command,
  notes,
  examples: ['runner settings show > settings.json'],
  action: (options, _, env) => showSettings(options, env),
})

const put = defineServerCommand({
  description: 'set the rules and quotas of all namespaces; - is standard input',
  options: command => command.argument('<file>'),
  notes,
  examples: [
    'runner settings put settings.json',
    `echo '{"namespaces": {"team-a": {"queued": 1000, "images": ["registry.example/team-a/*"]}}}' ` +
      '| runner settings put -',
  ],
  action: (options, [file], env) => putSettings(options, file, env),
})

export const command = defineGroup({
  description: 'rules and quotas of namespaces',
  own: 'show',
  commands: { show, put },
})
