import { findConfigFile, readSources } from '../../config/sources.ts'
import { systemClock } from '../../edges.ts'
import type { RunOnRecord } from '../../journal/runs.ts'
import { localTime } from '../../report/local-time.ts'
import { summarize } from '../../report/records/run-summary.ts'
import { loadChain } from './load-chain.ts'
import { findRecords, type RecordOptions, readableRuns } from './records.ts'

/** The most runs that are proposed. */
const mostRuns = 50

/**
 * The words of this host that a shell proposes, each with a description: tasks, runs, or keys of the
 * configuration. The value of a key is never among them.
 */
export function chainValues(
  kind: 'tasks' | 'runs' | 'keys',
  options: RecordOptions,
  env: NodeJS.ProcessEnv,
): [value: string, about: string][] {
  if (kind === 'keys') return keys(findConfigFile(options.config, env))
  if (kind === 'tasks') {
    const { loaded } = loadChain(options, options.taskDir, env)
    return (loaded?.chain.tasks ?? []).map(({ file, name }) => [file, name])
  }
  const records = findRecords(options, env)
  if (!records.ok) return []
  const latest: RunOnRecord[] = []
  for (const run of records.value.runs()) if (latest.push(run) === mostRuns) break
  const now = systemClock.now()
  return readableRuns(latest).map(run => {
    const { run_id, state, started_at } = summarize(run, now)
    return [String(run_id), `${state}, ${localTime(started_at)}`]
  })
}

function keys(file: string | undefined): [string, string][] {
  const sources = file === undefined ? undefined : readSources(file)
  if (!sources?.ok) return []
  const { sections, section } = sources.value
  return sections().flatMap((name): [string, string][] => [
    [name, 'the whole section'],
    ...Array.from(section(name)!.keys(), (key): [string, string] => [`${name}.${key}`, '']),
  ])
}
