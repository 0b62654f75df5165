import leven from 'leven'

/** The candidate nearest to `word`, if one is near enough to have been meant; ties go to the first. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3))
  let best: { candidate: string; distance: number } | undefined
  for (const candidate of candidates) {
    const distance = leven(word.toLowerCase(), candidate.toLowerCase(), { maxDistance: limit + 1 })
    if (distance <= limit && distance < (best?.distance ?? Infinity)) best = { candidate, distance }
  }
  return best?.candidate
}

/** Whether one insertion, deletion, replacement, change of case, or - for _ makes one word the other. */
export function oneEditAway(a: string, b: string): boolean {
  const [x, y] = [a, b].map(word => word.toLowerCase().replaceAll('-', '_'))
  return a !== b && leven(x!, y!, { maxDistance: 2 }) <= 1
}
