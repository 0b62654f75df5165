/*
 * The changes that calls have made, in the form of the audit log; and its entries, in the form that
 * administrators read.
 */

import { chainStart } from '../../protocol/audit-chain.ts'
import { parseJson } from '../../protocol/exact-json.ts'
import type { AuditEntry } from '../../protocol/messages/audit.ts'
import type { Group } from '../../protocol/messages/groups.ts'
import type { Registration } from '../../protocol/messages/registration.ts'
import type { Runner } from '../../protocol/messages/runners.ts'
import type { Reader } from '../../store/reader.ts'
import type { AuditRow, ExecutionRow, JobRow } from '../../store/rows.ts'
import type { SealKeys } from '../../store/seal-key.ts'
import { type AuditedChange, factsOf } from '../rules/audit-facts.ts'
import type { Context } from '../rules/context.ts'
import { time } from '../rules/times.ts'
import { rememberingKeys, type Stored, showDefinition } from '../state/definitions.ts'
import { failUnlessDamaged, type UnreadableRow } from '../state/unreadable.ts'
import { showRow } from './shown.ts'

/** A job that was put, or deleted: a secret that has stayed the same is shown by the same text. */
export function auditedJobChange(
  before: JobRow | UnreadableRow | undefined,
  after: JobRow | undefined,
  { keys }: Context,
): AuditedChange {
  const same = rememberingKeys(keys)
  const show = (row: JobRow | UnreadableRow | undefined) => {
    if (row === undefined) return null
    if ('unreadable' in row) return { problem: `the row is ${row.unreadable}` }
    try {
      const { name, namespace } = row
      return { name, namespace, ...shownWhole(row, same, namespace) }
    } catch (error) {
      failUnlessDamaged(error)
      return { problem: 'the row cannot be shown' }
    }
  }
  const rows = [before, after].flatMap(row => (row === undefined || 'unreadable' in row ? [] : row))
  const { name, namespace } = rows.at(-1) ?? { name: null, namespace: undefined }
  return {
    object: name,
    ...(namespace === undefined ? {} : { namespace }),
    before: show(before),
    after: show(after),
    confidential: rows.some(({ sealed }) => sealed !== ''),
  }
}

/**
 * Characters of the sealed part of a definition that is opened for an entry: of a longer one only that it is
 * there.
 */
const mostSealed = 65_536

function shownWhole(stored: Stored, keys: SealKeys, namespace: string): object {
  if (stored.sealed.length <= mostSealed) return showDefinition(stored, keys, namespace)
  return { ...stored.body, left_out_characters: stored.sealed.length }
}

/** An execution that was made; with its definition where the call had that. */
export async function madeChange(
  tx: Reader,
  { keys }: Context,
  id: string,
  withDefinition: boolean,
): Promise<AuditedChange> {
  const row = await tx.execution(id)
  if (row === undefined) return { object: id }
  const { namespace, job_name, group, kind, image, runner_group } = row
  const made = { job_name, group, kind, image, runner_group }
  const stored = withDefinition ? await tx.definition(group) : undefined
  if (stored === undefined) return { object: id, namespace, after: made }
  const after = { ...shownWhole(stored, keys, namespace), ...made }
  return { object: id, namespace, after, confidential: stored.sealed !== '' }
}

/** An execution whose state has changed. */
export function stateChange(
  before: ExecutionRow | undefined,
  after: { id: string; state: string },
): AuditedChange {
  const { namespace = null, state } = before ?? {}
  return { object: after.id, namespace, before: { state: state ?? null }, after: { state: after.state } }
}

/** The fields of a runner that operators set, and its name. */
const runnerFields = [
  'name',
  'enabled',
  'runner_group',
  'capabilities',
  'taints',
  'capacity',
  'eviction_time_seconds',
  'abort_timeout_seconds',
  'deleted',
] as const satisfies (keyof Runner)[]

export const runnerSettings = (runner: Runner) =>
  Object.fromEntries(runnerFields.map(field => [field, runner[field]]))

/** The settings of a group that operators change. */
export const groupSettings = ({ mode, pinned_runner_id }: Group) => ({ mode, pinned_runner_id })

/** The changes that a registration asks for, and the refused ones among them. */
export function registrationChange(
  { uuid, name, version, capabilities, runner_group, taints, metadata }: Registration,
  answer: object,
): AuditedChange {
  const asked = { name, version, capabilities, runner_group, taints: taints ?? [], metadata: metadata ?? {} }
  const refused = 'refused' in answer ? answer.refused : []
  return { object: uuid, after: { ...asked, refused } }
}

/** An entry as administrators read it; one that cannot be read in its place in the chain. */
export function auditView(row: AuditRow | UnreadableRow, { keys }: Context): Promise<AuditEntry> {
  return showRow<AuditRow, AuditEntry>(
    row,
    row => {
      if (!('sealed' in row)) return row
      const { sealed, ...entry } = row
      return { ...entry, ...(parseJson(keys.openAtRest(sealed)) as Pick<AuditEntry, 'before' | 'after'>) }
    },
    problem => ({
      ...factsOf('unknown', { object: null }),
      number: 'unreadable' in row ? Number(row.id) : row.number,
      at: 'unreadable' in row ? time(0) : row.at,
      previous: 'unreadable' in row ? chainStart.hash : row.previous,
      hash: 'unreadable' in row ? chainStart.hash : row.hash,
      problem,
    }),
  )
}
