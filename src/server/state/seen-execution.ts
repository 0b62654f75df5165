import { ok, type Result } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import { noExecution } from '../rules/absent.ts'
import type { Refusal } from '../rules/refusal.ts'
import { type Rights, sees } from '../rules/rights.ts'

/**
 * The execution that an operator's call names. One that the caller may not see is refused like one that does
 * not exist, so that nobody learns of it.
 */
export async function seenExecution(
  tx: Reader,
  rights: Rights,
  id: string,
): Promise<Result<ExecutionRow, Refusal>> {
  const row = await tx.execution(id)
  return row === undefined || !sees(rights, row) ? noExecution() : ok(row)
}
