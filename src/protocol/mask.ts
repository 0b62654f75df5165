/*
 * Secrets in a log become as many `*` as they have bytes, so that offsets hold. A secret is found as it is, in base64
 * and base64url wherever it stands in what was encoded, and with any of its bytes escaped as in URLs or JSON.
 */
import { Automaton } from './automaton.ts'
import { beginsEscape, type Escape, escapeAt } from './escapes.ts'

/**
 * Bytes below which a secret, or a line of one, is not looked for: so few values are possible that stars would hide
 * nothing, and would riddle every log.
 */
export const shortestSecret = 3

const star = 0x2a
const [lineFeed, carriageReturn] = [0x0a, 0x0d]
/** Bytes that all secrets of a job may have together: the search takes up to 800 bytes of memory for each. */
export const mostSecretBytes = 262_144
/** Bytes of a secret up to which its lines are also looked for in base64 of their own. */
const longestInLines = 1024
/** base64 that is at least this long may have line ends in it, as its programs write it. */
const wrapped = 64
/** How many readings of the same bytes are followed. More than two need somebody who wants them. */
const mostReadings = 8

export interface Mask {
  /** Undefined where there is nothing to look for. Marked is what may be wrapped. */
  readonly automaton: Automaton | undefined
  /** By two bytes: whether the first may be the beginning of anything, seen that the second follows. */
  readonly starts: Uint8Array
  /** Secrets too short to be looked for; a caller may say so. */
  readonly tooShort: number
}

/** Prepares the search for these secrets, and for each line of one that has several. */
export function makeMask(secrets: readonly string[]): Mask {
  const texts = new Set<string>()
  const inBase64 = new Set<string>()
  const isLong = (text: string) => Buffer.byteLength(text) >= shortestSecret
  let tooShort = 0
  for (const secret of new Set(secrets)) {
    if (secret === '') continue
    const whole = secret.trim()
    if (!isLong(whole)) {
      tooShort++
      continue
    }
    const lines = secret.split(/[\r\n]+/).map(line => line.trim())
    const parts = [secret, whole, ...lines.filter(isLong)]
    for (const text of parts) texts.add(text)
    for (const text of secret.length > longestInLines ? parts.slice(0, 2) : parts) inBase64.add(text)
  }
  const plain = [...texts].map(text => Buffer.from(text))
  if (plain.length === 0) return { automaton: undefined, starts: new Uint8Array(), tooShort }
  const forms = new Set([...inBase64].flatMap(text => base64Forms(Buffer.from(text))))
  const encoded = [...forms].map(form => Buffer.from(form))
  const short = encoded.filter(({ length }) => length < wrapped)
  const long = encoded.filter(({ length }) => length >= wrapped)
  const automaton = new Automaton([...plain, ...short], long)
  return { automaton, starts: startsOf([...plain, ...encoded]), tooShort }
}

function startsOf(strings: readonly Buffer[]): Uint8Array {
  const starts = new Uint8Array(65536)
  const interrupting = Array.from({ length: 256 }, (_, byte) => byte).filter(
    byte => beginsEscape(byte) || isLineEnd(byte),
  )
  for (const string of strings)
    for (const second of [string[1]!, ...interrupting]) starts[string[0]! * 256 + second] = 1
  for (const first of interrupting.filter(beginsEscape)) starts.fill(1, first * 256, first * 256 + 256)
  return starts
}

/**
 * What is certain of a secret in base64, whatever stands before it; at its end also with nothing behind it. The two
 * or four bits that a character shares with a neighbour's stay.
 */
function base64Forms(secret: Buffer): string[] {
  const forms = [0, 1, 2].flatMap(before => {
    const whole = Buffer.concat([Buffer.alloc(before), secret])
    const full = whole.toString('base64')
    const from = Math.ceil((before * 8) / 6)
    const certain = full.slice(from, Math.floor((whole.length * 8) / 6))
    const last = full.slice(from).replace(/=+$/, '')
    return [certain, last, full.slice(from)]
  })
  return forms.flatMap(form => [form, form.replaceAll('+', '-').replaceAll('/', '_')])
}

/** Masks bytes that are whole; `bytes` stays as it is. */
export function maskBytes(bytes: Uint8Array, mask: Mask): Uint8Array {
  const masker = new Masker(mask)
  const head = masker.push(bytes)
  const tail = masker.end()
  return tail.length === 0 ? head : Buffer.concat([head, tail])
}

/** A byte of a reading: where it begins in the input. Bytes before the first one are the input's own. */
interface Step {
  before: Step | undefined
  from: number
  /** How many bytes up to and with this one have been masked in a row. */
  masked: number
}

/** A way to read the input in which an escape is part of what may become a match. */
interface Reading {
  /** Where the next byte is. */
  at: number
  node: number
  last: Step
  /** Bytes since the last escape. */
  plain: number
}

/** Where the last `count` bytes of a reading begin. */
function startOf(last: Step, count: number): number {
  let step = last
  let left = count - 1
  for (; left > 0 && step.before !== undefined; left--) step = step.before
  return step.from - left
}

/** Whether the last `count` bytes of two readings are the same bytes of the input, read alike. */
function alike(one: Step, other: Step, count: number): boolean {
  let [a, b]: (Step | undefined)[] = [one, other]
  for (let left = count; left > 0 && a !== b; left--) {
    if (a === undefined || b === undefined) return false
    if (a.from !== b.from) return false
    if (a.before === undefined || b.before === undefined) {
      // From here on at least one is the input's own.
      return left === 1 || startOf(a, left) === startOf(b, left)
    }
    a = a.before
    b = b.before
  }
  return true
}

/** The last `count` steps, so that those before them can be forgotten; positions less `shift`. */
function cut(last: Step, count: number, shift: number): Step {
  const all: Step[] = []
  for (let step: Step | undefined = last; step !== undefined && all.length < count; step = step.before)
    all.push(step)
  return all.reduceRight<Step | undefined>(
    (before, { from, masked }) => ({ before, from: from - shift, masked }),
    undefined,
  )!
}

/**
 * Masks a stream. What may be the beginning of a secret is held back until it is known; nothing else is. What comes
 * out is as long as what went in.
 */
export class Masker {
  readonly #automaton: Automaton | undefined
  readonly #starts: Uint8Array
  /** Input not given out yet, and the same masked. */
  #input: Buffer = Buffer.alloc(0)
  #output: Buffer = Buffer.alloc(0)
  /** How much of the input has been read as it is, and the node to which that has led. */
  #at = 0
  #node = 0
  /** Other readings, ahead of that one or level with it. */
  #readings: Reading[] = []

  constructor(mask: Mask) {
    this.#automaton = mask.automaton
    this.#starts = mask.starts
  }

  /** Takes a chunk; gives what can go out. */
  push(chunk: Uint8Array): Uint8Array {
    if (this.#automaton === undefined) return chunk
    this.#input = this.#input.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#input, chunk])
    this.#output = this.#output.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#output, chunk])
    this.#read(this.#automaton, false)
    const { depths } = this.#automaton
    const open = this.#readings.map(({ node, last }) => startOf(last, depths[node]!))
    return this.#release(Math.min(this.#at - depths[this.#node]!, ...open), depths)
  }

  /** Gives what was held back; what comes after it is another stream. */
  end(): Uint8Array {
    if (this.#automaton === undefined) return new Uint8Array()
    this.#read(this.#automaton, true)
    this.#node = 0
    this.#readings = []
    return this.#release(this.#input.length, this.#automaton.depths)
  }

  #release(count: number, depths: Uint32Array): Uint8Array {
    const released = this.#output.subarray(0, count)
    // Copies, since what is kept is short, and what it was cut from is not.
    this.#input = Buffer.from(this.#input.subarray(count))
    this.#output = Buffer.from(this.#output.subarray(count))
    this.#at -= count
    for (const reading of this.#readings) {
      reading.at -= count
      reading.last = cut(reading.last, depths[reading.node]!, count)
    }
    return released
  }

  #read(automaton: Automaton, final: boolean): void {
    const [input, starts] = [this.#input, this.#starts]
    const end = input.length
    let at = this.#at
    let node = this.#node
    for (; at < end; at++) {
      if (node === 0 && this.#readings.length === 0)
        while (at + 1 < end && starts[input[at]! * 256 + input[at + 1]!] === 0) at++
      const byte = input[at]!
      const found = beginsEscape(byte) ? escapeAt(input, at) : isLineEnd(byte) ? lineEnd : undefined
      if (found === 'more' && !final) break
      const here = this.#readings.length === 0 ? none : this.#take(at)
      if (typeof found === 'object') this.#fork(automaton, at, [...here, { node }], found)
      for (const reading of here) this.#goOn(automaton, at, reading, byte)
      node = automaton.next(node, byte)
      const length = automaton.matches[node]!
      if (length > 0) this.#output.fill(star, at + 1 - length, at + 1)
    }
    this.#at = at
    this.#node = node
  }

  /** The readings that have come to a place. */
  #take(at: number): Reading[] {
    const here = this.#readings.filter(reading => reading.at === at)
    if (here.length > 0) this.#readings = this.#readings.filter(reading => reading.at !== at)
    return here
  }

  /** Reads an escape in all readings. A line end inside base64 is passed over. */
  #fork(
    automaton: Automaton,
    at: number,
    readings: readonly { node: number; last?: Step }[],
    { bytes, length }: Escape,
  ): void {
    for (const { node: from, last: before } of readings) {
      if (bytes.length > 0) {
        let node = from
        let last = before
        for (const byte of bytes) {
          node = automaton.next(node, byte)
          last = { before: last, from: at, masked: 0 }
          this.#mark(automaton, node, last, at + length)
        }
        this.#add(automaton, { at: at + length, node, last: last!, plain: 0 })
      }
      if (bytes.every(isLineEnd) && automaton.marks[from] === 1) {
        const last = before ?? { before: undefined, from: at - 1, masked: 0 }
        this.#add(automaton, { at: at + length, node: from, last, plain: 0 })
      }
    }
  }

  /** Reads a byte as it is. */
  #goOn(automaton: Automaton, at: number, reading: Reading, byte: number): void {
    const node = automaton.next(reading.node, byte)
    const last = { before: reading.last, from: at, masked: 0 }
    this.#mark(automaton, node, last, at + 1)
    this.#add(automaton, { at: at + 1, node, last, plain: reading.plain + 1 })
  }

  #mark(automaton: Automaton, node: number, last: Step, end: number): void {
    const length = automaton.matches[node]!
    if (length === 0) return
    const before = last.before?.masked ?? 0
    last.masked = Math.max(length, before + 1)
    this.#output.fill(star, before >= length - 1 ? last.from : startOf(last, length), end)
  }

  /** Follows a reading, unless the plain one or another one makes up for it. */
  #add(automaton: Automaton, reading: Reading): void {
    const depth = automaton.depths[reading.node]!
    if (depth <= reading.plain) return
    const level = this.#readings.filter(({ at }) => at === reading.at)
    const depthOf = ({ node }: Reading) => automaton.depths[node]!
    if (level.some(other => depthOf(other) >= depth && alike(other.last, reading.last, depth))) return
    if (level.length >= mostReadings) {
      const least = level.reduce((a, b) => (depthOf(b) < depthOf(a) ? b : a))
      if (depthOf(least) >= depth) return
      this.#readings.splice(this.#readings.indexOf(least), 1)
    }
    this.#readings.push(reading)
  }
}

const isLineEnd = (byte: number): boolean => byte === lineFeed || byte === carriageReturn
const lineEnd: Escape = { bytes: [], length: 1 }
const none: readonly Reading[] = []
