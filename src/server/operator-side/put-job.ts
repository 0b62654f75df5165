import type { Job, JobBody } from '../../protocol/messages/jobs.ts'
import { ok, type Result } from '../../result.ts'
import type { JobName } from '../../store/filters.ts'
import { jobKey } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { allowsImage, rulesFor } from '../rules/namespace-rules.ts'
import { knowsTargets } from '../rules/notify-targets.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { storeDefinition } from '../state/definitions.ts'
import { endTurns } from '../state/lines.ts'
import { putSchedule } from '../state/schedules.ts'
import { settingsIn } from '../state/settings.ts'
import { readable } from '../state/unreadable.ts'
import { jobView } from '../views/job-view.ts'

/** Defines a job in a namespace, or defines it anew; `owner` is the token of the call. */
export async function putJob(
  tx: Writer,
  ctx: Context,
  { namespace, name }: JobName,
  { name: nameInBody = name, namespace: namespaceInBody = namespace, ...definition }: JobBody,
  owner: string | null = null,
): Promise<Result<{ job: Job; created: boolean }, Refusal>> {
  if (nameInBody !== name)
    return refuse('malformed', `/name is ${nameInBody}, and the path says ${name}: a job cannot be renamed`)
  if (namespaceInBody !== namespace)
    return refuse(
      'malformed',
      `/namespace is ${namespaceInBody}, and the call is about ${namespace}: name it in the query too`,
    )
  const stored = storeDefinition(definition, ctx.keys, namespace)
  if (!stored.ok) return stored
  const rules = rulesFor(await settingsIn(tx, ctx), namespace)
  const allowed = allowsImage(rules, definition.image, namespace)
  if (!allowed.ok) return allowed
  const told = knowsTargets(definition.notify, ctx.settings, namespace)
  if (!told.ok) return told
  const row = { name, namespace, ...stored.value, owner }
  const before = await readable(tx.job(row), jobKey(row))
  const known = before === undefined || 'unreadable' in before ? undefined : before
  const scheduled = await putSchedule(tx, ctx, known, row, 'put')
  if (!scheduled.ok) return scheduled
  tx.putJob(row)
  if (row.body.concurrency === 'allow') await endTurns(tx, row)
  return ok({ job: jobView(row, ctx.keys), created: before === undefined })
}
