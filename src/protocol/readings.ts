/*
 * What a search for secrets remembers of the ways in which the input can be read: where each byte of a reading began,
 * and what has been masked. Whatever the secrets are, a question costs no more than the logarithm of their length.
 */

/** A byte of a reading: where it begins in the input. Bytes before the first one are the input's own. */
export interface Step {
  before: Step | undefined
  /** A step further back, so that one that is far away is found by few. */
  jump: Step
  first: Step
  /** From 0. */
  index: number
  from: number
  /** Of all places up to this one: equal sums are equal places, but for chance. */
  sum: number
}

/** A way to read the input in which an escape is part of what may become a match. */
export interface Reading {
  /** Where the next byte is. */
  at: number
  node: number
  last: Step
  /** Bytes since the last escape. */
  plain: number
}

/** Places spread over all bits. */
const spread = (place: number) => {
  const mixed = Math.imul(place ^ (place >>> 16), 0x85ebca6b)
  return Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35) | 0
}

/** A reading with one more byte, which begins at a place. */
export function stepAfter(before: Step | undefined, from: number): Step {
  if (before === undefined) {
    const first: Omit<Step, 'jump' | 'first'> = { before, index: 0, from, sum: spread(from) }
    return Object.assign(first, { jump: first as Step, first: first as Step })
  }
  // As in a skew binary number: jumps of equal length make one that is twice as long.
  const { jump, index, first } = before
  const isEven = index - jump.index === jump.index - jump.jump.index
  return {
    ...{ before, jump: isEven ? jump.jump : before, first },
    ...{ index: index + 1, from, sum: (before.sum + spread(from)) | 0 },
  }
}

/** The step of an index up to that of `last`. */
function stepAt(last: Step, index: number): Step {
  let step = last
  while (step.index > index) step = step.jump.index >= index ? step.jump : step.before!
  return step
}

/** Where the last `count` bytes of a reading begin. */
export function startOf(last: Step, count: number): number {
  const index = last.index + 1 - count
  return index >= 0 ? stepAt(last, index).from : last.first.from + index
}

/** Whether the last `count` bytes of two readings are the same bytes of the input, read alike. */
export function alike(one: Step, other: Step, count: number): boolean {
  if (one === other) return true
  if (startOf(one, count) !== startOf(other, count)) return false
  // Before the first step at least one has the input's own bytes; so has the other, as both begin alike.
  const common = Math.min(count, one.index + 1, other.index + 1)
  return sumOf(one, common) === sumOf(other, common)
}

function sumOf(last: Step, count: number): number {
  const index = last.index - count
  return index < 0 ? last.sum : (last.sum - stepAt(last, index).sum) | 0
}

/** Steps that may be too many before they are forgotten. */
const slack = 4096

/** The steps that are still asked for: of a long stream the others would fill the memory. */
export function trimmed(last: Step, count: number): Step {
  if (last.index <= 2 * count + slack) return last
  const places: number[] = []
  for (let step: Step | undefined = last; step !== undefined && places.length < count; step = step.before)
    places.push(step.from)
  return places.reduceRight<Step | undefined>((before, from) => stepAfter(before, from), undefined)!
}

/** More than the bytes of the longest escape, and a power of two. */
const places = 16

/** Readings by the place where each goes on, which is never far ahead. */
export class Readings {
  readonly #levels: Reading[][] = Array.from({ length: places }, () => [])
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Those that go on at a place. */
  at(place: number): readonly Reading[] {
    return this.#levels[place % places]!
  }

  /** Adds a reading, in the place of another one at its place if one is named. */
  add(reading: Reading, instead?: Reading): void {
    const level = this.#levels[reading.at % places]!
    if (instead === undefined) this.#size++
    else level.splice(level.indexOf(instead), 1)
    level.push(reading)
  }

  /** The readings that have come to a place. */
  take(place: number): readonly Reading[] {
    const level = this.#levels[place % places]!
    if (level.length === 0) return none
    this.#levels[place % places] = []
    this.#size -= level.length
    return level
  }

  *[Symbol.iterator](): Generator<Reading> {
    for (const level of this.#levels) yield* level
  }
}

const none: readonly Reading[] = []

/** What has been masked, as ranges in their order that do not touch: no byte is masked twice. */
export class Stars {
  readonly #ranges: { from: number; to: number }[] = []
  steps = 0

  /** Masks a range; `fill` is called for what of it was not masked before. */
  add(from: number, to: number, fill: (from: number, to: number) => void): void {
    const ranges = this.#ranges
    // Readings are a few bytes ahead of one another.
    const ahead: { from: number; to: number }[] = []
    while (ranges.length > 0 && ranges.at(-1)!.from > to) ahead.push(ranges.pop()!)
    const range = { from, to }
    let open = to
    for (let last = ranges.at(-1); last !== undefined && last.to >= from; last = ranges.at(-1)) {
      this.steps++
      if (last.to < open) fill(last.to, open)
      open = Math.min(open, last.from)
      range.from = Math.min(range.from, last.from)
      range.to = Math.max(range.to, last.to)
      ranges.pop()
    }
    if (from < open) fill(from, open)
    ranges.push(range)
    this.steps += 1 + ahead.length
    while (ahead.length > 0) ranges.push(ahead.pop()!)
  }

  /** Forgets what ends before a place. */
  forget(place: number): void {
    const kept = this.#ranges.findIndex(({ to }) => to > place)
    this.#ranges.splice(0, kept < 0 ? this.#ranges.length : kept)
  }
}
