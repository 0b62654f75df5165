/* Who gets which execution. */
import type { Reservation } from '../protocol/messages.ts'
import { put, putBack, supersedePrevious } from './attempts.ts'
import { type Context, newId } from './context.ts'
import { electGroup } from './election.ts'
import { eligibility, suits } from './eligibility.ts'
import { failWith, nobody, reserve } from './executions.ts'
import { reservationFor } from './reservation.ts'
import { capacityOf, groupOf, isConnected } from './runner-facts.ts'
import { type ExecutionRow, partsOfQueue, queueOf, type RunnerRow, type Writer } from './store/store.ts'

/** A reserve that waits. */
export interface Asking {
  runner_id: string
  session: number
  /** How many executions it takes, at most. */
  slots: number
  /** It was looked at before, and has only waited since: nothing is handed out to it a second time. */
  again?: boolean
}

/** What is handed out, by runner. */
type Given = Map<string, Reservation[]>

/** A reserve that may get something. */
interface Place {
  runner: RunnerRow
  /** How many more executions it may get. */
  room: number
}

/** An execution and the runner that is to have it. */
interface Pair {
  row: ExecutionRow
  place: Place
}

/** How many reserves are looked at together: of thousands that wait, few are needed for what is queued. */
const atOnce = 128

/**
 * Hands out what is queued, by priority and then age, to the reserves that wait, and what their sessions had reserved
 * and not confirmed; says who gets what. Whose session is over gets nothing. Those at the front of the list come
 * first. Nothing here needs an fsync: a reservation that is forgotten was never confirmed.
 */
export async function dispatch(tx: Writer, ctx: Context, asking: readonly Asking[]): Promise<Given> {
  const given: Given = new Map()
  for (let from = 0; from < asking.length; from += atOnce) {
    const some = asking.slice(from, from + atOnce)
    if (some.every(one => one.again) && (await tx.queues()).length === 0) continue
    const places = await placesOf(tx, ctx, some, given)
    while (!(await fill(tx, ctx, places, given))) {
      // Something could not be handed out, and made room for the next.
    }
  }
  return given
}

/** Looks at each reserve: what its session has already, and how much more it may get. */
async function placesOf(tx: Writer, ctx: Context, asking: readonly Asking[], given: Given): Promise<Place[]> {
  const ids = asking.map(one => one.runner_id)
  const held = Map.groupBy(await tx.heldBy(ids), row => row.runner_id)
  const places: Place[] = []
  const repeated: Pair[] = []
  for (const { runner, slots, again } of await present(tx, ctx, asking)) {
    const own = held.get(runner.id) ?? []
    const eligible = eligibility(runner, await tx.group(groupOf(runner)), tx.watched).length === 0
    const unconfirmed = again ? [] : own.filter(row => row.state === 'reserved' && row.kind !== 'script')
    const lapsed = unconfirmed.filter(row => !eligible || row.session !== runner.session)
    for (const row of lapsed) putBack(tx, row)
    const kept = unconfirmed.filter(row => !lapsed.includes(row)).slice(0, slots)
    const free = capacityOf(runner) - (own.length - lapsed.length)
    const place = { runner, room: eligible ? Math.max(0, Math.min(slots - kept.length, free)) : 0 }
    places.push(place)
    repeated.push(...kept.map(row => ({ row, place })))
  }
  await handOut(tx, ctx, repeated, given)
  return places
}

/**
 * The reserves of sessions in force, with their runners, who have asked now: without that one with free slots would
 * not count as connected. All of them ask before any is looked at, since that may make another one the leader.
 */
async function present(
  tx: Writer,
  ctx: Context,
  asking: readonly Asking[],
): Promise<(Asking & { runner: RunnerRow })[]> {
  const runners = new Map((await tx.runners(asking.map(one => one.runner_id))).map(row => [row.id, row]))
  const lease = ctx.settings.lease_seconds * 1000
  const reserve_until = tx.watched + lease
  const found: (Asking & { runner: RunnerRow })[] = []
  for (const one of asking) {
    const before = runners.get(one.runner_id)
    if (before === undefined || before.session !== one.session) continue
    // Where that moves by more than a sixth of a lease: not every call writes a row.
    const moves = !one.again && reserve_until - before.reserve_until > lease / 6
    const runner = moves ? { ...before, reserve_until } : before
    found.push({ ...one, runner })
    if (!moves) continue
    tx.putRunner(runner)
    if (!isConnected(before, tx.watched)) await electGroup(tx, ctx, groupOf(runner))
  }
  return found
}

/** Reserves queued executions for the places, as long as there are both; false: it is worth another look. */
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
    const to = { runner_id, node_name, session, lease_id: newId(ctx.chance, tx.now) }
    pairs.push({ row: reserve(queued, to, tx, ctx.settings), place })
    await supersedePrevious(tx, queued)
  }
  return handOut(tx, ctx, pairs, given)
}

/** Gives reserved executions to their runners; what cannot be given fails by itself. Says whether all could be. */
async function handOut(tx: Writer, ctx: Context, pairs: readonly Pair[], given: Given): Promise<boolean> {
  if (pairs.length === 0) return true
  const definitions = await tx.definitions([...new Set(pairs.map(({ row }) => row.group))])
  let all = true
  for (const { row, place } of pairs) {
    const { runner } = place
    const reservation = reservationFor(ctx, row, definitions.get(row.group), runner, tx.watched)
    if (reservation.ok) {
      put(tx, row)
      given.set(runner.id, [...(given.get(runner.id) ?? []), reservation.value])
    } else {
      put(tx, failWith({ ...row, ...nobody }, tx.now, reservation.failure, poisoned[reservation.failure]))
      place.room++
      all = false
    }
  }
  return all
}

const poisoned = {
  'definition-missing': 'What it was asked to do is not in the store any more, or damaged there',
  'definition-unreadable':
    'What it was asked to do cannot be opened with the key of this server: it was sealed under another one',
}

/** Those of one queue stay in its order. */
function byUrgency(one: ExecutionRow, other: ExecutionRow): number {
  return other.priority - one.priority || queuedAt(one) - queuedAt(other)
}

/** By watched time: what was made while a clock was wrong keeps its place. */
const queuedAt = ({ queued_at, created_at }: ExecutionRow) => queued_at ?? created_at

/** The place with the most room, so that work spreads; the first of several. */
function roomiest(places: readonly Place[]): Place | undefined {
  return places.reduce<Place | undefined>(
    (best, place) => (place.room > (best?.room ?? 0) ? place : best),
    undefined,
  )
}
