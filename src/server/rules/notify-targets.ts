/* The targets of notifications, as jobs and settings may name them. */
import { nearest } from '../../config/did-you-mean.ts'
import type { Notify } from '../../protocol/messages/jobs.ts'
import type { NotifyTarget } from '../../protocol/messages/notifications.ts'
import type { Settings } from '../../protocol/messages/settings.ts'
import { everyNamespace } from '../../protocol/messages/token-kinds.ts'
import { ok, type Result } from '../../result.ts'
import type { ServerSettings } from './context.ts'
import { type Refusal, refuse } from './refusal.ts'

type Targets = Pick<ServerSettings, 'targets'>

/** Whether a target may get notices from a namespace; `*`: it may get those of all. */
export const mayTell = ({ namespaces }: Pick<NotifyTarget, 'namespaces'>, namespace: string): boolean =>
  namespaces === null || namespaces.includes(namespace)

/**
 * Whether all targets that something in a namespace names are there for it; `where` leads to them in the
 * body.
 */
export function knowsTargets(
  notify: Notify | undefined,
  { targets }: Targets,
  namespace: string,
  where = '/notify',
): Result<void, Refusal> {
  for (const [index, { to }] of (notify ?? []).entries()) {
    const target = targets.find(({ name }) => name === to)
    if (target !== undefined && mayTell(target, namespace)) continue
    return refuse('malformed', `${where}/${index}/to is ${to}; ${noTarget({ targets }, to, namespace)}`)
  }
  return ok(undefined)
}

/** The same for the rules of all namespaces. */
export function settingsKnowTargets({ namespaces }: Settings, settings: Targets): Result<void, Refusal> {
  for (const [namespace, { notify }] of Object.entries(namespaces)) {
    const known = knowsTargets(notify, settings, namespace, `/namespaces/${namespace}/notify`)
    if (!known.ok) return known
  }
  return ok(undefined)
}

/**
 * Why a target cannot be named, in words that follow its name: a target that is not for the namespace is as
 * if it were not there.
 */
export function noTarget({ targets }: Targets, name: string, namespace: string): string {
  const usable = targets.filter(target => mayTell(target, namespace)).map(target => target.name)
  const guess = nearest(name, usable)
  const where = namespace === everyNamespace ? 'for all namespaces' : `for namespace ${namespace}`
  const section = `the configuration of the server has no section [notify.${name}] ${where}`
  if (guess !== undefined) return `${section}; did you mean ${guess}?`
  return usable.length === 0 ? section : `${section}; it has ${usable.join(', ')}`
}
