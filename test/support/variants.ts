import type { Program } from './require.ts'
import { isFull } from './tier.ts'

/** Programs of one kind: in the real tier all of them; in the plain one those that are there, and one at the least. */
export function variants(programs: readonly Program[]): Program[] {
  const there = isFull ? [] : programs.filter(({ missing }) => missing === undefined)
  return there.length > 0 ? there : isFull ? [...programs] : programs.slice(0, 1)
}
