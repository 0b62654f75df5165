import { readFileSync, writeFileSync } from 'node:fs'
import { systemClock } from '../src/edges.ts'

/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The least value that so many per cent of the values do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!
}

/** Puts a text between the marks of a part of docs/benchmarks.md, with the day on which it was measured. */
export function replacePart(part: string, text: string): void {
  const file = 'docs/benchmarks.md'
  const page = readFileSync(file, 'utf8')
  const [from, to] = [`<!-- ${part} -->\n`, `<!-- end of ${part} -->\n`]
  const [start, end] = [page.indexOf(from), page.indexOf(to)]
  if (start === -1 || end < start) throw new Error(`${file} has no part ${part}`)
  const measured = `Measured on ${systemClock.now().toISOString().slice(0, 10)}.\n\n`
  writeFileSync(file, page.slice(0, start + from.length) + measured + text + page.slice(end))
}
