import type { Reader } from '../../store/reader.ts'
import type { RunnerRow } from '../../store/runner-row.ts'

/**
 * The runner that keeps another one from a name: names are unique among runners that are not deleted.
 * Undefined where the name is free. `own` is the runner that wants it, and keeps a name that it has, as
 * runners of release 0.1.0 may share one.
 */
export async function nameHolder(tx: Reader, name: string, own?: RunnerRow): Promise<RunnerRow | undefined> {
  if (own?.name === name) return undefined
  return (await tx.runnersNamed(name)).find(({ id, deleted_at }) => id !== own?.id && deleted_at === null)
}
