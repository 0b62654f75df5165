import leven from 'leven'

/** The candidate nearest to `word`, if one is near enough to have been meant; ties go to the first. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3))
  let best: { candidate: string; distance: number } | undefined
  for (const candidate of candidates) {
    const distance = edits(word.toLowerCase(), candidate.toLowerCase(), limit + 1)
    if (distance <= limit && distance < (best?.distance ?? Infinity)) best = { candidate, distance }
  }
  return best?.candidate
}

/**
 * Whether one insertion, deletion, replacement, exchange of neighbours, change of case, or - for _ makes one
 * word the other.
 */
export function oneEditAway(a: string, b: string): boolean {
  const [x, y] = [a, b].map(word => word.toLowerCase().replaceAll('-', '_'))
  return a !== b && edits(x!, y!, 2) <= 1
}

/** Edits between two words; two neighbours that have changed places are one. */
function edits(a: string, b: string, maxDistance: number): number {
  return isSwap(a, b) ? 1 : leven(a, b, { maxDistance })
}

function isSwap(a: string, b: string): boolean {
  const at = [...a].findIndex((letter, index) => letter !== b[index])
  const swapped = `${a.slice(0, at)}${a[at + 1]}${a[at]}${a.slice(at + 2)}`
  return at !== -1 && a.length === b.length && swapped === b
}
