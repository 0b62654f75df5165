/* The common part of `runner ps` and of its earlier names, `busy` and `executions`. */
import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import type { Client } from '../../protocol/client/client.ts'
import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import { print, printJson } from '../../report/say.ts'
import { defined, type Result } from '../../result.ts'
import { catchSignals } from '../signals.ts'
import { inNamespace } from './namespace.ts'
import { parseStates } from './options.ts'
import { collectPages } from './pages.ts'

/** The options of a list of executions, for `option`. */
export const stateOption = [
  '--state <states>',
  'only those in these states, with commas between them',
  parseStates,
] as const
export const jobOption = ['--job <job>', 'only those of this job'] as const
export const watchOption = ['--watch', 'look again every 2 s', false] as const

/** Seconds between two looks of `--watch`. */
const lookEvery = 2

/** Looks once, or with `watch` until a signal comes or a look fails; resolves to the exit status. */
export async function watching(watch: boolean, look: () => Promise<number>): Promise<number> {
  if (!watch) return look()
  using signals = catchSignals()
  for (;;) {
    const status = await look()
    if (status !== exitStatus.ok) return status
    await systemClock.sleep(lookEvery, signals.stop)
    if (signals.stop.aborted) return exitStatus.ok
  }
}

/** The parts of a query for executions that a command line gives. */
interface Filter {
  state: string | undefined
  since?: string | undefined
  until?: string | undefined
  job_name: string | undefined
  runner_id: string | undefined
  group: string | undefined
}

/** At most `limit` executions, the latest first. */
export function listExecutions(
  client: Client,
  filter: Filter,
  { namespace, limit }: { namespace?: string | undefined; limit: number },
): Promise<Result<ListedExecution[], ClientFailure>> {
  const query = { ...defined(filter), ...inNamespace(namespace) }
  return collectPages(page => client.call('listExecutions', { query: { ...query, ...page } }), limit)
}

/** Prints a list as JSON or as text, on a terminal that `watch` has cleared. */
export function printList(
  list: readonly ListedExecution[],
  text: (list: readonly ListedExecution[], now: Date) => string,
  { json, watch = false }: { json: boolean; watch?: boolean },
): void {
  const clear = watch && process.stdout.isTTY ? '\x1b[H\x1b[2J' : ''
  if (json) printJson(list)
  else {
    process.stdout.write(clear)
    print(text(list, systemClock.now()))
  }
}
