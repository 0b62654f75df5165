import { encodeBytes } from '../config/bytes.ts'
import { formatDiagnostic } from '../config/diagnostic.ts'
import { nearest } from '../config/did-you-mean.ts'
import { iniEntry } from '../config/ini-entry.ts'
import { type Found, findConfigFile, readSources, type Sources } from '../config/sources.ts'
import { exitStatus } from '../exit-status.ts'
import { jsonText } from '../process/printable.ts'

export interface GetOptions {
  /** `-c FILE`. */
  config?: string
  /** `section.key`, split at the first dot; without a dot a section. */
  key: string
  /** Asked by `-g`, which knows no sections. */
  legacy: boolean
  /** Print where each value stands, too. */
  origin: boolean
  /** A missing key is a failure. */
  require: boolean
  json: boolean
}

/**
 * Looks a value or a section up, prints it, and returns the exit status. The value comes back as the bytes that
 * stand in the file, with one line feed; a missing key prints nothing and is fine unless it is required. Status 78,
 * and nothing printed, where a file that should count cannot be read.
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
    err(`-g ${options.key}: it must be section.key; runner get ${options.key || 'SECTION'} prints a section`)
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
  if (found !== undefined || !options.require) return exitStatus.ok
  err(`${missing(options.key, merged)}${suggestion(name, key, merged)}`)
  return exitStatus.missing
}

type Section = ReadonlyMap<string, Found>

function asText(found: Found | Section, origin: boolean): string {
  const place = ({ file, line }: Found) => (origin ? `${file}:${line}\t` : '')
  if (!isSection(found)) return `${place(found)}${found.value}\n`
  return Array.from(found, ([key, value]) => place(value) + iniEntry(key, value.value)).join('')
}

function asJson(
  section: string,
  key: string | undefined,
  found: Found | Section | undefined,
  origin: boolean,
): string {
  if (found === undefined) return 'null\n'
  if (!isSection(found)) return `${jsonText({ section, key, ...found })}\n`
  const values = Object.fromEntries(Array.from(found, ([key, value]) => [key, origin ? value : value.value]))
  return `${jsonText({ section, values })}\n`
}

const isSection = (found: Found | Section): found is Section => found instanceof Map

function missing(name: string, sources: Sources | undefined): string {
  if (sources === undefined) return `${name} is not set: there is no configuration file`
  const { length } = sources.files
  return `${name} is not set in ${sources.file}${length > 1 ? ` and the ${length - 1} files it includes` : ''}`
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
