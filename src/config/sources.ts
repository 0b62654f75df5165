import { existsSync, readdirSync, statSync } from 'node:fs'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'
import type { Diagnostic } from './diagnostic.ts'
import { decodeBytes, encodeBytes } from './ini/bytes.ts'
import { parseIni } from './ini/ini.ts'
import type { IniFile } from './ini/ini-file.ts'
import { isLeftover } from './leftover.ts'
import { readBounded } from './read-bounded.ts'

/** A value and the place of its key. */
export interface FoundValue {
  value: string
  file: string
  line: number
}

/** A main file and the files of its `include_dir`, merged key by key. */
export interface Sources {
  /** The main file, as it was named. */
  file: string
  /** All files that were read, in the order in which they count; the last one wins. */
  files: string[]
  parsed: IniFile[]
  /** The complaints about all files, `unread` included. */
  findings: Diagnostic[]
  /** Complaints about files that could not be read: without them a look-up cannot be sure of its answer. */
  unread: Diagnostic[]
  get(section: string, key: string): FoundValue | undefined
  /** The keys of a section in order of first appearance; undefined where no file has the section. */
  section(name: string): ReadonlyMap<string, FoundValue> | undefined
  /** The names of all sections in order of first appearance. */
  sections(): string[]
}

/**
 * The configuration file: the one given by `-c`, else `$RUNNER_CONFIG`, whether they exist or not, else the
 * first there is of `./runner.cfg` and `/etc/runner/runner.cfg`. An empty `$RUNNER_CONFIG` counts as not set.
 */
export function findConfigFile(explicit: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  const named = explicit ?? (env.RUNNER_CONFIG || undefined)
  return named ?? ['runner.cfg', '/etc/runner/runner.cfg'].find(file => existsSync(file))
}

/**
 * Reads a main file and, if its `[runner]` names an `include_dir`, the files in there by the bytes of their
 * names. Fails only where the main file cannot be read; everything else is among the findings.
 */
export function readSources(file: string): Result<Sources, Diagnostic> {
  const bytes = readBounded(file)
  if (!bytes.ok) {
    const { tooLarge, text } = bytes.failure
    const reason = tooLarge ? 'config-too-large' : 'config-unreadable'
    const hint = tooLarge ? 'name a configuration file' : 'name a file that can be read'
    const message = `cannot read the configuration file: ${text}`
    return fail({ severity: 'error', reason, file, message, hint })
  }
  const main = parseIni(bytes.value, file)
  const { included, findings, unread } = readIncludeDir(main)
  const parsed = [main, ...included]
  return ok({
    file,
    files: parsed.map(({ file }) => file),
    parsed,
    findings: [...parsed.flatMap(({ findings }) => findings), ...findings, ...unread],
    unread,
    ...mergeFiles(parsed),
  })
}

/** The merged view: the last file that has a key wins, and in a file its last line. */
export function mergeFiles(parsed: IniFile[]): Pick<Sources, 'get' | 'section' | 'sections'> {
  const merged = new Map<string, Map<string, FoundValue>>()
  for (const { file, entries, sections } of parsed) {
    for (const { name } of sections) if (!merged.has(name)) merged.set(name, new Map())
    for (const { section, key, value, line } of entries) merged.get(section)!.set(key, { value, file, line })
  }
  return {
    get: (section, key) => merged.get(section)?.get(key),
    section: name => merged.get(name),
    sections: () => [...merged.keys()],
  }
}

/** The last `[runner] include_dir` of a file. */
const includeDirOf = (ini: IniFile) =>
  ini.entries.findLast(({ section, key }) => section === 'runner' && key === 'include_dir')

/** The include_dir that a main file names, as a path; undefined where it names none. */
export function includeFolderOf(main: IniFile): string | undefined {
  const value = includeDirOf(main)?.value
  if (value === undefined || value === '') return undefined
  // Not joined by `node:path`, which takes `link/..` for nothing.
  return value.startsWith('/') ? value : main.file.slice(0, main.file.lastIndexOf('/') + 1) + value
}

function readIncludeDir(main: IniFile) {
  const included: IniFile[] = []
  const findings: Diagnostic[] = []
  const unread: Diagnostic[] = []
  const folder = includeFolderOf(main)
  if (folder === undefined) return { included, findings, unread }
  const { file, line } = { file: main.file, line: includeDirOf(main)!.line }

  const listing = list(folder)
  if (!listing.ok) {
    const message = `cannot read include_dir ${folder}: ${listing.failure}`
    const hint = 'make the directory, or leave include_dir empty'
    unread.push({ severity: 'error', reason: 'include-dir-unreadable', file, line, message, hint })
    return { included, findings, unread }
  }
  for (const path of listing.value) {
    const name = decodeBytes(path)
    const kind = kindOf(path)
    if (kind === 'other') continue
    if (kind === 'missing') {
      const message = 'this entry of include_dir leads nowhere and is not read'
      const hint = 'remove it, or make the file that it names'
      findings.push({ severity: 'warning', reason: 'include-file-missing', file: name, message, hint })
      continue
    }
    const bytes = readBounded(path)
    if (!bytes.ok) {
      const message = `cannot read this file of include_dir: ${bytes.failure.text}`
      const hint = 'make it readable, or move it out of include_dir'
      unread.push({ severity: 'error', reason: 'include-file-unreadable', file: name, message, hint })
      continue
    }
    const ini = parseIni(bytes.value, name)
    included.push(ini)
    const nested = includeDirOf(ini)
    if (nested !== undefined && nested.value !== '') {
      const message = 'include_dir counts only in the main file; here it is ignored'
      const hint = `remove it, or move it to ${main.file}`
      const { line } = nested
      findings.push({ severity: 'warning', reason: 'include-dir-nested', file: name, line, message, hint })
    }
  }
  return { included, findings, unread }
}

/** The entries of a directory that may be configuration, as paths, by the bytes of their names. */
function list(folder: string): Result<Buffer[], string> {
  try {
    const names = readdirSync(encodeBytes(folder), { encoding: 'buffer' })
      .filter(name => name[0] !== 0x2e && !isLeftover(name.toString('latin1')))
      .sort(Buffer.compare)
    const prefix = encodeBytes(folder.endsWith('/') ? folder : `${folder}/`)
    return ok(names.map(name => Buffer.concat([prefix, name])))
  } catch (error) {
    return fail(errorText(error))
  }
}

/** The kind of a file, at the end of links; a file that was removed just now is `missing` as well. */
function kindOf(path: Buffer): 'file' | 'other' | 'missing' {
  try {
    return statSync(path).isFile() ? 'file' : 'other'
  } catch (error) {
    // A path without a status may still be a file: the attempt to read it gives the reason.
    return ['ENOENT', 'ENOTDIR'].includes(errorCode(error)) ? 'missing' : 'file'
  }
}
