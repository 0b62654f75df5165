import type { Runner } from '../../protocol/messages/runners.ts'
import { ok, type Result } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import { noRunner } from '../rules/absent.ts'
import type { Context } from '../rules/context.ts'
import type { Refusal } from '../rules/refusal.ts'
import { readable } from '../state/unreadable.ts'
import { runnerViews } from '../views/runner-view.ts'

export async function getRunner(tx: Reader, ctx: Context, id: string): Promise<Result<Runner, Refusal>> {
  const row = await readable(tx.runner(id), id)
  return row === undefined ? noRunner() : ok((await runnerViews(tx, ctx, [row]))[0]!)
}
