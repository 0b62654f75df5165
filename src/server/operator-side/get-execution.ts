import type { Execution } from '../../protocol/messages/executions.ts'
import { ok, type Result } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import { noExecution } from '../rules/absent.ts'
import type { Context } from '../rules/context.ts'
import type { Refusal } from '../rules/refusal.ts'
import { type Rights, sees, seesAll } from '../rules/rights.ts'
import { readable } from '../state/unreadable.ts'
import { executionView } from '../views/execution-view.ts'

export async function getExecution(
  tx: Reader,
  ctx: Context,
  rights: Rights,
  id: string,
): Promise<Result<Execution, Refusal>> {
  const row = await readable(tx.execution(id), id)
  // The namespace of a row that cannot be read is unknown: only a token for all sees it.
  const visible = row !== undefined && ('unreadable' in row ? seesAll(rights) : sees(rights, row))
  return visible ? ok(await executionView(tx, ctx, row)) : noExecution()
}
