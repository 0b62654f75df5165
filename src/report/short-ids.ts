/** Characters of an id that a list shows at least: those that tell the time. */
const leastShown = 13

/** Each id, cut to the shortest beginning that no other one of the list has. */
export function shortIds(ids: readonly string[]): Map<string, string> {
  const sorted = [...new Set(ids)].sort()
  const common = (one = '', other = '') => {
    let length = 0
    while (length < one.length && one[length] === other[length]) length++
    return length
  }
  return new Map(
    sorted.map((id, at) => {
      const length = Math.max(common(id, sorted[at - 1]), common(id, sorted[at + 1])) + 1
      return [id, id.slice(0, Math.max(leastShown, length))]
    }),
  )
}
