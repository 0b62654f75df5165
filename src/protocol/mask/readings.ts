/*
 * The memory of a search for secrets: the readings of the input, each with the place where each of its bytes
 * begins, and the ranges that have been masked. A look-up takes about as many steps as the logarithm of the
 * length of the secrets.
 */

/** A byte of a reading. All bytes before the first step are bytes of the input, read as they are. */
export interface Step {
  before: Step | undefined
  /** A step further back: by jumps, a step far back is found in few moves. */
  jump: Step
  first: Step
  /** From 0. */
  index: number
  from: number
  /**
   * Whether it is a `+` that is read as a space: the one escape that takes no more bytes than it stands for.
   */
  isPlus: boolean
  /** The number of such bytes up to this one. */
  pluses: number
  /**
   * The sum of a hash of each place up to this one, and of how it is read: equal sums mean equal places, read
   * alike, except by a rare chance.
   */
  sum: number
}

/** A way to read the input in which at least one escape is part of a possible match. */
export interface Reading {
  /** The place of the next byte. */
  at: number
  node: number
  last: Step
  /** Bytes since the last escape. */
  plain: number
}

/** Spreads a place over all bits of a number. */
const spread = (place: number) => {
  const mixed = Math.imul(place ^ (place >>> 16), 0x85ebca6b)
  return Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35) | 0
}

/** The step after `before`: one more byte, which begins at `from`. */
export function stepAfter(before: Step | undefined, from: number, isPlus = false): Step {
  const hash = spread(isPlus ? ~from : from)
  const plus = Number(isPlus)
  if (before === undefined) {
    const first: Omit<Step, 'jump' | 'first'> = { before, index: 0, from, isPlus, pluses: plus, sum: hash }
    return Object.assign(first, { jump: first as Step, first: first as Step })
  }
  // The jumps are those of a skew binary number: two of equal length become one that is twice as long.
  const { jump, index, first } = before
  const isEven = index - jump.index === jump.index - jump.jump.index
  return {
    before,
    jump: isEven ? jump.jump : before,
    first,
    index: index + 1,
    from,
    isPlus,
    pluses: before.pluses + plus,
    sum: (before.sum + hash) | 0,
  }
}

/** The step with this index, which is at most that of `last`. */
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
  // Before its first step a reading has the bytes of the input itself. Both readings begin at the same place,
  // so they have the same bytes there, unless one of them reads a `+` as a space.
  const common = Math.min(count, one.index + 1, other.index + 1)
  if (sumOf(one, common) !== sumOf(other, common)) return false
  return [one, other].every(last => plusesOf(last, count) === plusesOf(last, common))
}

/** Counts the bytes among the last `count` ones that are a `+` which is read as a space. */
function plusesOf(last: Step, count: number): number {
  const index = last.index - count
  return index < 0 ? last.pluses : last.pluses - stepAt(last, index).pluses
}

function sumOf(last: Step, count: number): number {
  const index = last.index - count
  return index < 0 ? last.sum : (last.sum - stepAt(last, index).sum) | 0
}

/** The number of steps that a reading may have too many before they are forgotten. */
const slack = 4096

/** The last `count` steps without those before them: these would fill the memory in a long stream. */
export function trimmedSteps(last: Step, count: number): Step {
  if (last.index <= 2 * count + slack) return last
  const steps: Step[] = []
  for (let step: Step | undefined = last; step !== undefined && steps.length < count; step = step.before)
    steps.push(step)
  return steps.reduceRight<Step | undefined>(
    (before, { from, isPlus }) => stepAfter(before, from, isPlus),
    undefined,
  )!
}

/** The number of levels: more than the bytes of the longest escape, and a power of two. */
const places = 16

/** The readings by the place where each resumes, which is less than `places` ahead. */
export class Readings {
  readonly #levels: Reading[][] = Array.from({ length: places }, () => [])
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The readings that resume at a place. */
  at(place: number): readonly Reading[] {
    return this.#levels[place % places]!
  }

  /** Adds a reading. It replaces `instead`, a reading of the same place, where that is given. */
  add(reading: Reading, instead?: Reading): void {
    const level = this.#levels[reading.at % places]!
    if (instead === undefined) this.#size++
    else level.splice(level.indexOf(instead), 1)
    level.push(reading)
  }

  /** Takes out the readings that have come to a place. */
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

/** The masked ranges in their order. Ranges that touch become one, so no byte is masked twice. */
export class Stars {
  readonly #ranges: { from: number; to: number }[] = []
  steps = 0

  /** Masks a range; `fill` is called for the parts of it that were not masked before. */
  add(from: number, to: number, fill: (from: number, to: number) => void): void {
    const ranges = this.#ranges
    // Readings are a few bytes ahead of one another, so some ranges may begin after this one.
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

  /** Forgets ranges that end before a place. */
  forget(place: number): void {
    const kept = this.#ranges.findIndex(({ to }) => to > place)
    this.#ranges.splice(0, kept < 0 ? this.#ranges.length : kept)
  }
}
