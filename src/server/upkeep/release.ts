import type { Store } from '../../store/store.ts'
import { release } from '../rules/transitions.ts'
import { putAndNotify } from '../state/put-execution.ts'

/** Seconds between two looks. */
export const releaseEvery = 1
/** Rows that one writer looks at, so that no other writer waits long for it. */
const piece = 100

/** Hands executions to their queues whose time has come. */
export async function releaseDue(store: Store): Promise<void> {
  for (;;) {
    // Most looks find nothing, and need no writer.
    if ((await store.read(tx => tx.releasable(1))).length === 0) return
    const released = await store.write(
      async tx => {
        const rows = await tx.releasable(piece)
        for (const row of rows) putAndNotify(tx, release(row))
        return rows.length
      },
      // The next look repeats what was forgotten.
      { durable: false },
    )
    if (released < piece) return
  }
}
