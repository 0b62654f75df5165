import { CompiledLookUps, lookUpBase } from '../../config/compiled-look-ups.ts'
import { formatDiagnostic } from '../../config/diagnostic.ts'
import { nearest } from '../../config/did-you-mean.ts'
import { encodeBytes } from '../../config/ini/bytes.ts'
import { iniEntry } from '../../config/ini/ini-entry.ts'
import { type FoundValue, findConfigFile, readSources, type Sources } from '../../config/sources.ts'
import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { print, sayError } from '../../report/say.ts'
import { jsonText } from '../../system/printable.ts'
import { defineCommand, type NewCommand } from '../define-command.ts'

export interface GetOptions {
  /** `-c FILE`. */
  config?: string | undefined
  /** `section.key`, split at the first dot; without a dot a section. */
  key: string
  /** The look-up is build-runner's `-g`, which prints no sections. */
  legacy: boolean
  /** Print the file and line of each value, too. */
  origin: boolean
  /** A missing key is a failure. */
  require: boolean
  json: boolean
  /** Somebody reads the answer on a terminal: a missing key is told. */
  onTerminal?: boolean
}

/**
 * Looks a value or a section up, prints it, and returns the exit status. The value is printed as the bytes in
 * the file, with one line feed; a missing key prints nothing, and is an error only where it is required. The
 * status is 78, and nothing is printed, where a file of the configuration cannot be read.
 *
 * `lookup.sh` answers the plain cases in the launcher, with the same bytes and status.
 */
export function getCommand(
  options: GetOptions,
  env: NodeJS.ProcessEnv,
  out: (bytes: Uint8Array | string) => void,
  err: (line: string) => void,
): number {
  const dot = options.key.indexOf('.')
  if (options.legacy && dot === -1) {
    err(
      `-g ${options.key}: it must be section.key; ` +
        `\`runner get ${options.key || 'SECTION'}\` prints a section`,
    )
    return exitStatus.usage
  }
  const file = findConfigFile(options.config, env)
  const sources = file === undefined ? undefined : readSources(file)
  const unread = sources === undefined ? [] : sources.ok ? sources.value.unread : [sources.failure]
  if (unread.length > 0) {
    for (const diagnostic of unread) err(formatDiagnostic(diagnostic))
    return exitStatus.config
  }
  const merged = sources?.ok ? sources.value : undefined
  const name = dot === -1 ? options.key : options.key.slice(0, dot)
  const key = dot === -1 ? undefined : options.key.slice(dot + 1)
  const section = merged?.section(name)
  const found = key === undefined ? section : section?.get(key)

  if (found !== undefined || options.json) {
    const text = options.json ? asJson(name, key, found, options.origin) : asText(found!, options.origin)
    out(encodeBytes(text))
  }
  if (found !== undefined) return exitStatus.ok
  const tell = options.require || (options.onTerminal && !options.legacy && !options.json)
  if (tell) err(`${missing(options.key, merged)}${suggestion(name, key, merged)}`)
  return options.require ? exitStatus.missing : exitStatus.ok
}

type Section = ReadonlyMap<string, FoundValue>

function asText(found: FoundValue | Section, origin: boolean): string {
  const place = ({ file, line }: FoundValue) => (origin ? `${file}:${line}\t` : '')
  if (!isSection(found)) return `${place(found)}${found.value}\n`
  return Array.from(found, ([key, value]) => place(value) + iniEntry(key, value.value)).join('')
}

function asJson(
  section: string,
  key: string | undefined,
  found: FoundValue | Section | undefined,
  origin: boolean,
): string {
  if (found === undefined) return 'null\n'
  if (!isSection(found)) return `${jsonText({ section, key, ...found })}\n`
  const values = Object.fromEntries(Array.from(found, ([key, value]) => [key, origin ? value : value.value]))
  return `${jsonText({ section, values })}\n`
}

const isSection = (found: FoundValue | Section): found is Section => found instanceof Map

function missing(name: string, sources: Sources | undefined): string {
  if (sources === undefined) return `${name} is not set: there is no configuration file`
  const { length } = sources.files
  const included = length > 1 ? ` and the ${length - 1} files it includes` : ''
  return `${name} is not set in ${sources.file}${included}`
}

/** The nearest key of the same section, else the nearest name of all. */
function suggestion(name: string, key: string | undefined, sources: Sources | undefined): string {
  if (sources === undefined) return ''
  const names = sources.sections()
  const guess = key === undefined ? nearest(name, names) : nearestKey(name, key, names, sources)
  return guess === undefined ? '' : `; did you mean ${guess}?`
}

function nearestKey(name: string, key: string, names: string[], sources: Sources): string | undefined {
  const own = nearest(key, sources.section(name)?.keys() ?? [])
  if (own !== undefined) return `${name}.${own}`
  const all = names.flatMap(section =>
    Array.from(sources.section(section)!.keys(), key => `${section}.${key}`),
  )
  return nearest(`${name}.${key}`, all)
}

/** A look-up for `get` and for build-runner's `-g`: writes to standard output; gives the exit status. */
export function lookUp(options: GetOptions, env: NodeJS.ProcessEnv): number {
  const onTerminal = process.stdout.isTTY
  const status = getCommand({ ...options, onTerminal }, env, print, line => sayError(`runner: ${line}\n`))
  // A look-up has got as far as here because the launcher has found no compiled form, or is not sure of its
  // answer.
  const base = lookUpBase(env)
  const file = findConfigFile(options.config, env)
  if (base !== undefined && file !== undefined)
    new CompiledLookUps(base, file, process.cwd()).refresh(systemClock.now())
  return status
}

const options = (command: NewCommand) =>
  command
    .argument('<key>')
    .option('--origin', 'print the file and line before the value', false)
    .option('--require', 'fail on a missing key', false)
    .option('--json', 'print JSON', false)

export const command = defineCommand({
  description:
    'look up section.key, or a whole section; a missing key prints nothing, but is told on a terminal',
  options,
  notes: `In tasks: $RUNNER_CONFIG_CMD -g section.key

Exit status: 0, for a missing key too; with --require 1 for a missing key; 78 unreadable configuration.`,
  examples: [
    'runner get limits.disk',
    'runner get limits --json',
    'runner get --require limits.disk || exit 2',
  ],
  action: (options, [key], env) => lookUp({ ...options, key, legacy: false }, env),
})
