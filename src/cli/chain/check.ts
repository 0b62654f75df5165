import { type Diagnostic, formatDiagnostic } from '../../config/diagnostic.ts'
import { iniEntry } from '../../config/ini/ini-entry.ts'
import type { Configuration } from '../../config/load.ts'
import { shownEntries } from '../../config/sections/notify.ts'
import type { Setting } from '../../config/setting.ts'
import { exitStatus } from '../../exit-status.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { counted } from '../../system/counted.ts'
import { defineCommand, type NewCommand, type OptionsOf } from '../define-command.ts'
import { parsePath } from '../options.ts'
import { hasErrors, loadChain } from './load-chain.ts'

const options = (command: NewCommand) =>
  command
    .argument('[taskdir]', '', parsePath)
    .option('--effective', 'print the configuration in force as INI, with where each value comes from', false)
    .option('--json', 'print one JSON object', false)

type Options = OptionsOf<typeof options>

/** Prints every finding about configuration and tasks; the status is 78 where one is an error. */
function check(options: Options, directory: string | undefined, env: NodeJS.ProcessEnv): number {
  const { loaded, findings } = loadChain(options, directory, env)
  const status = hasErrors(findings) ? exitStatus.config : exitStatus.ok
  if (options.json) {
    const tasks = loaded?.chain.tasks.map(task => task.file) ?? []
    const effective = options.effective && loaded ? { effective: effectiveJson(loaded.configuration) } : {}
    printJson({ ok: status === 0, findings, tasks, ...effective })
    return status
  }
  const say = options.effective || status !== 0 ? sayError : print
  for (const finding of findings) say(`${formatDiagnostic(finding)}\n`)
  if (options.effective && loaded !== undefined) print(effectiveText(loaded.configuration))
  else say(`${summary(findings, loaded)}\n`)
  return status
}

function summary(findings: readonly Diagnostic[], loaded: ReturnType<typeof loadChain>['loaded']): string {
  const of = (severity: Diagnostic['severity']) =>
    findings.filter(finding => finding.severity === severity).length
  const [errors, warnings, notices] = [of('error'), of('warning'), of('notice')]
  const found = [
    ...(errors > 0 ? [counted(errors, 'error')] : []),
    ...(warnings > 0 ? [counted(warnings, 'warning')] : []),
    ...(notices > 0 ? [counted(notices, 'notice')] : []),
  ]
  if (errors > 0 || loaded === undefined) return found.join(', ')
  const { chain, configuration } = loaded
  const file = configuration.file ?? 'no configuration file, all settings are defaults'
  return `ok: ${counted(chain.tasks.length, 'task')} in ${chain.directory}; ${[file, ...found].join('; ')}`
}

/** The keys of `[runner]` in force, then every other section as it was read. */
function effectiveSections(configuration: Configuration): [string, ReadonlyMap<string, Setting>][] {
  const others = configuration.sections.filter(name => name !== 'runner')
  return [
    ['runner', configuration.texts],
    ...others.map(name => [name, shownEntries(name, configuration.section(name))] as const),
  ] as [string, ReadonlyMap<string, Setting>][]
}

function effectiveText(configuration: Configuration): string {
  const parts = effectiveSections(configuration).map(([name, entries]) => {
    const lines = [...entries].map(([key, { value, origin }]) => {
      const place = origin === undefined ? 'default' : `${origin.file}:${origin.line}`
      return `# ${place}\n${iniEntry(key, value)}`
    })
    return `[${name}]\n${lines.join('')}`
  })
  return parts.join('\n')
}

function effectiveJson(configuration: Configuration): Record<string, Record<string, Setting>> {
  return Object.fromEntries(
    effectiveSections(configuration).map(([name, entries]) => [name, Object.fromEntries(entries)]),
  )
}

export const command = defineCommand({
  description: 'report every problem of configuration and tasks, and run nothing',
  options,
  notes: 'Exit status: 0 the chain can run (there may be warnings); 78 it cannot.',
  examples: [
    'runner check                          before the next boot does',
    'runner check --effective > all.cfg    the settings in force',
  ],
  action: (options, [directory], env) => check(options, directory, env),
})
