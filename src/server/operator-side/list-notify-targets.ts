import type { NotifyTarget } from '../../protocol/messages/notifications.ts'
import type { Page } from '../../store/filters.ts'
import type { Context } from '../rules/context.ts'
import { mayTell } from '../rules/notify-targets.ts'
import type { Rights } from '../rules/rights.ts'
import type { Listed } from '../state/pages.ts'

/** The targets that jobs in one of the caller's namespaces may name, by name. */
export function listNotifyTargets(
  { settings }: Pick<Context, 'settings'>,
  { namespaces }: Rights,
  { limit, after }: Page,
): Listed<NotifyTarget> {
  const usable = settings.targets.filter(
    target =>
      (namespaces?.some(namespace => mayTell(target, namespace)) ?? true) &&
      (after === undefined || target.name > after),
  )
  const items = usable.slice(0, limit)
  return { items, next: usable.length > limit ? items.at(-1)!.name : null }
}
