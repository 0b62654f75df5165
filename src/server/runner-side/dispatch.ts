/* Hands queued executions to runners. */

import type { Reservation } from '../../protocol/messages/reservations.ts'
import { partsOfQueue, queueOf } from '../../store/queue.ts'
import type { Reader } from '../../store/reader.ts'
import { type ExecutionRow, queuedAt } from '../../store/rows.ts'
import type { RunnerRow } from '../../store/runner-row.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { capacityOf, groupOf, isConnected } from '../rules/effective.ts'
import { eligibility, suits } from '../rules/eligibility.ts'
import { failWith, isHandedOut, nobody, reserve } from '../rules/transitions.ts'
import { put, putBack, supersedePrevious } from '../state/attempts.ts'
import { electGroup } from '../state/election.ts'
import { reservationFor } from '../state/reservation.ts'
import { readable } from '../state/unreadable.ts'

/** A reserve that waits. */
export interface AskingRunner {
  runner_id: string
  session: number
  /** The greatest number of executions that it takes. */
  slots: number
  /**
   * An earlier round has looked at it, and it has only waited since: nothing is handed out to it a second
   * time.
   */
  again?: boolean
}

/** The reservations that are handed out, by runner. */
type Given = Map<string, Reservation[]>

/** A reserve that may get something. */
interface Place {
  runner: RunnerRow
  /** The number of further executions that it may get. */
  room: number
}

/** An execution and the runner that is to have it. */
interface Pair {
  row: ExecutionRow
  place: Place
}

/**
 * The number of reserves that are looked at together: thousands may wait, and the queued executions need few
 * of them.
 */
const atOnce = 128

/**
 * Hands out queued executions, by priority and then age, to the reserves that wait, and again those that
 * their sessions had reserved and not confirmed; gives the reservations of each. A reserve whose session is
 * over gets nothing. The front of the list comes first. Nothing here needs an fsync: a reservation that is
 * forgotten was never confirmed.
 */
export async function dispatch(tx: Writer, ctx: Context, asking: readonly AskingRunner[]): Promise<Given> {
  const given: Given = new Map()
  for (let from = 0; from < asking.length; from += atOnce) {
    const some = asking.slice(from, from + atOnce)
    if (some.every(one => one.again) && (await tx.queues()).length === 0) continue
    const places = await placesOf(tx, ctx, some, given)
    while (!(await fill(tx, ctx, places, given))) {
      // An execution that could not be handed out has made room for the next.
    }
  }
  return given
}

/** Looks at each reserve: the executions that its session has already, and how many more it may get. */
async function placesOf(
  tx: Writer,
  ctx: Context,
  asking: readonly AskingRunner[],
  given: Given,
): Promise<Place[]> {
  const ids = asking.map(one => one.runner_id)
  const held = Map.groupBy(await tx.heldBy(ids), row => row.runner_id)
  const places: Place[] = []
  const repeated: Pair[] = []
  for (const { runner, slots, again } of await present(tx, ctx, asking)) {
    const own = held.get(runner.id) ?? []
    const eligible = await mayWork(tx, runner)
    const unconfirmed = again ? [] : own.filter(isHandedOut)
    const lapsed = unconfirmed.filter(row => !eligible || row.session !== runner.session)
    for (const row of lapsed) await putBack(tx, ctx, row)
    const kept = unconfirmed.filter(row => !lapsed.includes(row)).slice(0, slots)
    const free = capacityOf(runner) - (own.length - lapsed.length)
    const place = { runner, room: eligible ? Math.max(0, Math.min(slots - kept.length, free)) : 0 }
    places.push(place)
    repeated.push(...kept.map(row => ({ row, place })))
  }
  await handOut(tx, ctx, repeated, given)
  return places
}

async function mayWork(tx: Reader, runner: RunnerRow): Promise<boolean> {
  const name = groupOf(runner)
  const group = await readable(tx.group(name), name)
  // Nobody knows who leads a group that cannot be read; the runners of other groups must not wait for it.
  if (group !== undefined && 'unreadable' in group) return false
  return eligibility(runner, group, tx.watched).length === 0
}

/**
 * The reserves of sessions in force, with their runners, which are marked as asking for work now: a runner
 * with free slots would not count as connected otherwise. All are marked before any is looked at, since a
 * mark may change the leader.
 */
async function present(
  tx: Writer,
  ctx: Context,
  asking: readonly AskingRunner[],
): Promise<(AskingRunner & { runner: RunnerRow })[]> {
  const runners = new Map((await tx.runners(asking.map(one => one.runner_id))).map(row => [row.id, row]))
  const lease = ctx.settings.lease_seconds * 1000
  const reserve_until = tx.watched + lease
  const found: (AskingRunner & { runner: RunnerRow })[] = []
  for (const one of asking) {
    const before = runners.get(one.runner_id)
    if (before === undefined || before.session !== one.session) continue
    // A mark that moves by less than a sixth of a lease is not written: not every call writes a row.
    const moves = !one.again && reserve_until - before.reserve_until > lease / 6
    const runner = moves ? { ...before, reserve_until } : before
    found.push({ ...one, runner })
    if (!moves) continue
    tx.putRunner(runner)
    if (!isConnected(before, tx.watched)) await electGroup(tx, ctx, groupOf(runner))
  }
  return found
}

/** Reserves queued executions for the places, while there are both; false: another look is worth it. */
async function fill(tx: Writer, ctx: Context, places: readonly Place[], given: Given): Promise<boolean> {
  const open = places.filter(place => place.room > 0)
  if (open.length === 0) return true
  const takers = new Map<string, Place[]>()
  for (const queue of await tx.queues()) {
    const suited = open.filter(place => suits(place.runner, partsOfQueue(queue)))
    if (suited.length > 0) takers.set(queue, suited)
  }
  const room = open.reduce((sum, place) => sum + place.room, 0)
  const heads = takers.size === 0 ? [] : await tx.queueHeads([...takers.keys()], room)
  const pairs: Pair[] = []
  for (const queued of heads.toSorted(byUrgency)) {
    const place = roomiest(takers.get(queueOf(queued))!)
    if (place === undefined) continue
    place.room--
    const { id: runner_id, name: node_name, session } = place.runner
    const to = { runner_id, node_name, session, lease_id: ctx.keys.leaseOf(queued, runner_id) }
    pairs.push({ row: reserve(queued, to, tx, ctx.settings), place })
    await supersedePrevious(tx, ctx, queued)
  }
  return handOut(tx, ctx, pairs, given)
}

/**
 * Gives reserved executions to their runners; an execution that cannot be given fails. Says whether all could
 * be given.
 */
async function handOut(tx: Writer, ctx: Context, pairs: readonly Pair[], given: Given): Promise<boolean> {
  if (pairs.length === 0) return true
  const definitions = await tx.definitions([...new Set(pairs.map(({ row }) => row.group))])
  let all = true
  for (const { row, place } of pairs) {
    const { runner } = place
    const reservation = reservationFor(ctx, row, definitions.get(row.group), runner, tx.watched)
    if (reservation.ok) {
      await put(tx, ctx, row)
      given.set(runner.id, [...(given.get(runner.id) ?? []), reservation.value])
    } else {
      await put(
        tx,
        ctx,
        failWith({ ...row, ...nobody }, tx.now, reservation.failure, poisoned[reservation.failure]),
      )
      place.room++
      all = false
    }
  }
  return all
}

const poisoned = {
  'definition-missing': 'Its definition is not in the store any more, or damaged there',
  'definition-unreadable':
    'Its secrets cannot be opened with the key of this server: they were sealed under another one',
}

/**
 * Compares by priority, then by watched time: an execution that was made while a clock was wrong keeps its
 * place. Executions of one queue stay in its order.
 */
function byUrgency(one: ExecutionRow, other: ExecutionRow): number {
  return other.priority - one.priority || queuedAt(one) - queuedAt(other)
}

/** The place with the most room, so that work spreads; the first of several. */
function roomiest(places: readonly Place[]): Place | undefined {
  return places.reduce<Place | undefined>(
    (best, place) => (place.room > (best?.room ?? 0) ? place : best),
    undefined,
  )
}
