import { type Diagnostic, formatDiagnostic } from '../config/diagnostic.ts'
import { iniEntry } from '../config/ini-entry.ts'
import type { Configuration, Setting } from '../config/load.ts'
import { exitStatus } from '../exit-status.ts'
import { jsonText } from '../process/printable.ts'
import { type ChainOptions, hasErrors, loadChain } from './load-chain.ts'
import { print, sayError } from './say.ts'

export interface CheckCommandOptions extends ChainOptions {
  effective: boolean
  json: boolean
}

/** `runner check`: says all that is wrong or odd, and ends with 78 if anything is wrong. */
export function checkCommand(options: CheckCommandOptions, env: NodeJS.ProcessEnv): number {
  const { loaded, findings } = loadChain(options, env)
  const status = hasErrors(findings) ? exitStatus.config : exitStatus.ok
  if (options.json) {
    const tasks = loaded?.chain.tasks.map(task => task.file) ?? []
    const effective = options.effective && loaded ? { effective: effectiveJson(loaded.configuration) } : {}
    print(`${jsonText({ ok: status === 0, findings, tasks, ...effective })}\n`)
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
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`
  const found = [
    ...(errors > 0 ? [count(errors, 'error')] : []),
    ...(warnings > 0 ? [count(warnings, 'warning')] : []),
    ...(notices > 0 ? [count(notices, 'notice')] : []),
  ]
  if (errors > 0 || loaded === undefined) return found.join(', ')
  const { chain, configuration } = loaded
  const file = configuration.file ?? 'no configuration file, all settings are defaults'
  return `ok: ${count(chain.tasks.length, 'task')} in ${chain.directory}; ${[file, ...found].join('; ')}`
}

/** The keys of `[runner]` in force, then every other section as it was read. */
function effectiveSections(configuration: Configuration): [string, ReadonlyMap<string, Setting>][] {
  const others = configuration.sections.filter(name => name !== 'runner')
  return [
    ['runner', configuration.texts],
    ...others.map(name => [name, configuration.section(name)] as const),
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
