import type { LogTimeList } from '../../protocol/messages/executions.ts'
import { ok, type Result } from '../../result.ts'
import type { Page } from '../../store/filters.ts'
import { logTimes } from '../../store/log-times.ts'
import type { Reader } from '../../store/reader.ts'
import type { Refusal } from '../rules/refusal.ts'
import type { Rights } from '../rules/rights.ts'
import { time } from '../rules/times.ts'
import { listed } from '../state/pages.ts'
import { seenExecution } from '../state/seen-execution.ts'

/**
 * When the parts of a log came, by their offsets; `after` is the offset of the last item of the page before.
 */
export async function readLogTimes(
  tx: Reader,
  rights: Rights,
  id: string,
  page: Page,
): Promise<Result<LogTimeList, Refusal>> {
  const execution = await seenExecution(tx, rights, id)
  if (!execution.ok) return execution
  const times = (await tx.log(id))?.times ?? null
  const after = page.after === undefined ? -1 : Number(page.after)
  const rest = times === null ? [] : logTimes(times).filter(({ offset }) => offset > after)
  const { items, next } = await listed(
    page,
    async ({ limit }) => rest.slice(0, limit),
    ({ offset }) => `${offset}`,
  )
  return ok({ items: items.map(({ offset, at }) => ({ offset, at: time(at * 1000) })), next })
}
