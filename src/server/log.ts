import type { Clock } from '../edges.ts'
import { asciiWord, escaped, jsonText } from '../system/printable.ts'

export type Level = 'debug' | 'info' | 'warning' | 'error'

/** A line in the log of the server: a sentence, and facts that programs can look for. Never a secret. */
export type Log = (level: Level, message: string, facts?: Record<string, unknown>) => void

const order: readonly Level[] = ['debug', 'info', 'warning', 'error']

/**
 * A log of JSON objects, one a line; or of plain lines for a person. `least` is the lowest level that it
 * writes.
 */
export function makeLog(
  write: (line: string) => void,
  { json, least, clock }: { json: boolean; least: Level; clock: Clock },
): Log {
  return (level, message, facts = {}) => {
    if (order.indexOf(level) < order.indexOf(least)) return
    const at = clock.now().toISOString()
    if (json) return write(`${jsonText({ at, level, message, ...facts })}\n`)
    const shown = Object.entries(facts).map(([name, value]) => ` ${name}=${plain(value)}`)
    write(`${at.slice(11, 19)} ${level === 'info' ? '' : `${level}: `}${escaped(message)}${shown.join('')}\n`)
  }
}

const plainValue = new RegExp(`^${asciiWord}+$`)

function plain(value: unknown): string {
  return typeof value === 'string' && plainValue.test(value) ? value : jsonText(value)
}
