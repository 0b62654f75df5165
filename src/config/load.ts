import { dirname, resolve } from 'node:path'
import { fail, ok, type Result } from '../result.ts'
import { checkKeys, checkSectionNames, checkValues } from './check-section.ts'
import type { Diagnostic } from './diagnostic.ts'
import { type Entries, type Section, textsInForce, valuesOf } from './section.ts'
import { type AllSettings, families, sections } from './sections/all.ts'
import { isNotifySection, type NotifySettings, notify, targetOfSection } from './sections/notify.ts'
import type { Setting } from './setting.ts'
import { readSources, type Sources } from './sources.ts'
import { loadTask, type TaskConfiguration } from './task-settings.ts'

/** A validated configuration: typed settings, the environment of tasks, and the place of each text. */
export interface Configuration extends AllSettings {
  /** The main file, absolute; undefined without a file. */
  file?: string | undefined
  /** The targets of notifications, by name: the sections `[notify.NAME]`. */
  targets: (NotifySettings & { name: string })[]
  /** All files, absolute, in the order in which they count. */
  files: string[]
  /** The text in force of each key of `[runner]` that has a value. */
  texts: Map<string, Setting>
  /** Names of all sections, in order of first appearance. */
  sections: string[]
  /** The entries of one section. */
  section(name: string): Entries
  /** The settings of a task by its sections; the first section that has a key wins. */
  task(sections: readonly string[]): TaskConfiguration
  /** All complaints; with an error among them nothing may run, and a wrong value counts as not set. */
  findings: Diagnostic[]
}

/**
 * Reads and validates a configuration. No file: the defaults. It fails only where the file cannot be read.
 * `lenient`: mistakes that build-runner let pass without a word are warnings, as with `compatible` in
 * `[runner]`.
 */
export function loadConfiguration(
  file: string | undefined,
  env: NodeJS.ProcessEnv,
  lenient = false,
): Result<Configuration, Diagnostic[]> {
  if (file === undefined) return ok(build(undefined, undefined, env, lenient))
  const main = resolve(file)
  const sources = readSources(main)
  return sources.ok ? ok(build(main, sources.value, env, lenient)) : fail([sources.failure])
}

function build(
  main: string | undefined,
  sources: Sources | undefined,
  env: NodeJS.ProcessEnv,
  asked: boolean,
): Configuration {
  const section = (name: string): Entries => {
    const found = sources?.section(name) ?? []
    return new Map([...found].map(([key, { value, file, line }]) => [key, { value, origin: { file, line } }]))
  }
  const base = main ?? resolve('runner.cfg')
  const names = sources?.sections() ?? []
  const definitions: [string, Section][] = Object.entries(sections)
  const all = definitions.map(([name, definition]) => {
    const entries = section(name)
    return { name, definition, entries, ...checkValues(name, definition.keys, entries) }
  })
  const runner = all.find(({ name }) => name === 'runner')
  const texts = textsInForce(sections.runner.keys, runner?.valid ?? new Map(), env)
  const { state_dir: stateDir, compatible } = valuesOf(sections.runner.keys, texts, base)
  const lenient = asked || compatible
  const targets = loadTargets(names, section, env, stateDir, base, lenient)
  const settings = all.map(({ name, definition, valid }) => {
    const values = valuesOf(definition.keys, textsInForce(definition.keys, valid, env), base)
    return [name, definition.settings(values, { entries: valid, env, stateDir })]
  })
  return {
    ...(Object.fromEntries(settings) as AllSettings),
    targets: targets.flatMap(({ target }) => target ?? []),
    file: main,
    files: sources?.files ?? [],
    texts,
    sections: names,
    section,
    task: own => loadTask(own.map(section), texts, base),
    findings: [
      ...(sources?.findings ?? []).map(finding => (lenient ? asBuildRunner(finding) : finding)),
      ...all.flatMap(({ name, definition, entries, valid, findings }) => [
        ...findings,
        ...(definition.check?.(valid, env) ?? []),
        ...checkKeys(name, definition, entries, lenient),
      ]),
      ...targets.flatMap(({ findings }) => findings),
      ...checkSectionNames(names, sections, families, section, lenient),
    ],
  }
}

/** The targets of notifications, in the order of their names, with complaints about their sections. */
function loadTargets(
  names: readonly string[],
  section: (name: string) => Entries,
  env: NodeJS.ProcessEnv,
  stateDir: string,
  base: string,
  lenient: boolean,
) {
  return names
    .filter(isNotifySection)
    .toSorted()
    .map(name => {
      const entries = section(name)
      const { valid, findings } = checkValues('notify', notify.keys, entries)
      const values = valuesOf(notify.keys, textsInForce(notify.keys, valid, env), base)
      const target = targetOfSection(name)
      const badName: Diagnostic[] =
        target === undefined ? [{ ...unnamed(name), ...[...entries.values()][0]?.origin }] : []
      return {
        target:
          target === undefined
            ? undefined
            : { ...notify.settings(values, { entries: valid, env, stateDir }), name: target },
        findings: [
          ...badName,
          ...findings,
          ...(notify.check?.(valid, env) ?? []).filter(
            // A section with an error may lack a key because of that error.
            () => findings.every(({ severity }) => severity !== 'error'),
          ),
          ...checkKeys(name, notify, entries, lenient),
        ],
      }
    })
}

const unnamed = (section: string): Diagnostic => ({
  severity: 'error',
  reason: 'section-unknown',
  section,
  message: `[${section}] has no name by which jobs could name it`,
  hint: 'write letters, digits, dot, underscore and dash behind the first dot, such as [notify.team]',
})

/** build-runner passed over lines that say nothing. */
const asBuildRunner = (finding: Diagnostic): Diagnostic =>
  finding.reason === 'says-nothing' ? { ...finding, severity: 'warning' } : finding

/** The directory of included files. */
export function includeDir({ file, texts }: Configuration): string[] {
  const setting = texts.get('include_dir')
  return setting === undefined || file === undefined || setting.value === ''
    ? []
    : [resolve(dirname(file), setting.value)]
}
