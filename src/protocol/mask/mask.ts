/*
 * Secrets in a log become as many `*` as they have bytes, so that offsets hold. A secret is found as it is,
 * in base64 and base64url at any place of an encoded text, and with any of its bytes escaped as in URLs or
 * JSON.
 */
import { Automaton } from './automaton.ts'
import { beginsEscape, type Escape, escapeAt } from './escapes.ts'
import {
  alike,
  type Reading,
  Readings,
  Stars,
  type Step,
  startOf,
  stepAfter,
  trimmedSteps,
} from './readings.ts'

/**
 * The fewest bytes of a secret, or of a line of one, that is looked for. So few shorter values are possible
 * that stars would hide none of them, and every log would be full of stars.
 */
export const shortestSecret = 3

const star = 0x2a
const [lineFeed, carriageReturn] = [0x0a, 0x0d]
/** The most bytes of all secrets of a job together: the search takes up to 800 bytes of memory for each. */
export const mostSecretBytes = 262_144
/** The longest secret, in characters, whose lines are also looked for in base64 of their own. */
const longestInLines = 1024
/** The shortest base64 that may have line ends in it: the programs that write base64 break longer lines. */
const wrapped = 64
/**
 * The most readings of the same bytes that are followed. Only input that was made for this purpose has more
 * than two.
 */
const mostReadings = 4

export interface Mask {
  /** Undefined where there is nothing to look for. Strings that may have line ends in them are marked. */
  readonly automaton: Automaton | undefined
  /** By two bytes: whether a string or an escape may begin with the first if the second follows. */
  readonly starts: Uint8Array
}

/** Prepares the search for these secrets, and for each line of one that has several. */
export function makeMask(secrets: readonly string[]): Mask {
  const texts = new Set<string>()
  const inBase64 = new Set<string>()
  const isLong = (text: string) => Buffer.byteLength(text) >= shortestSecret
  for (const secret of new Set(secrets)) {
    const whole = secret.trim()
    if (!isLong(whole)) continue
    const lines = secret.split(/[\r\n]+/).map(line => line.trim())
    const parts = [secret, whole, ...lines.filter(isLong)]
    for (const text of parts) texts.add(text)
    for (const text of secret.length > longestInLines ? parts.slice(0, 2) : parts) inBase64.add(text)
  }
  const plain = [...texts].map(text => Buffer.from(text))
  if (plain.length === 0) return { automaton: undefined, starts: new Uint8Array() }
  const forms = new Set([...inBase64].flatMap(text => base64Forms(Buffer.from(text))))
  const encoded = [...forms].map(form => Buffer.from(form))
  const short = encoded.filter(({ length }) => length < wrapped)
  const long = encoded.filter(({ length }) => length >= wrapped)
  const automaton = new Automaton([...plain, ...short], long)
  return { automaton, starts: startsOf([...plain, ...encoded]) }
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
 * The characters that a secret has in base64 whatever bytes are before and after it, and those that it has
 * where no byte is after it. A character that also has bits of a byte before or after the secret stays
 * unmasked.
 */
export function base64Forms(secret: Buffer): string[] {
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

/** Masks all bytes of a text at once; `bytes` stays as it is. */
export function maskBytes(bytes: Uint8Array, mask: Mask): Uint8Array {
  const masker = new Masker(mask)
  const head = masker.push(bytes)
  const tail = masker.end()
  return tail.length === 0 ? head : Buffer.concat([head, tail])
}

/**
 * Masks a stream. Bytes that may be the beginning of a secret are held back until more bytes decide it; no
 * others are held back. The output has as many bytes as the input.
 */
export class Masker {
  readonly #automaton: Automaton | undefined
  readonly #starts: Uint8Array
  /**
   * Input that has not been given out yet, and its masked copy. Places are counted from the beginning of the
   * stream.
   */
  #input: Buffer = Buffer.alloc(0)
  #output: Buffer = Buffer.alloc(0)
  /** The place where `#input` and `#output` begin. */
  #base = 0
  /**
   * The place up to which the input has been read as it is, without escapes, and the node to which that has
   * led.
   */
  #at = 0
  #node = 0
  /** The other readings, by the place that each has come to: `#at`, or one that is further on. */
  #readings = new Readings()
  #stars = new Stars()
  /** The results of `#next` that took many links, by node and byte. */
  #found = new Map<number, number>()
  #steps = 0

  constructor(mask: Mask) {
    this.#automaton = mask.automaton
    this.#starts = mask.starts
  }

  /** The number of elementary steps so far. It grows with the input, whatever the secrets are. */
  get steps(): number {
    return this.#steps + this.#stars.steps
  }

  /** Takes a chunk; gives the bytes that can go out. */
  push(chunk: Uint8Array): Uint8Array {
    if (this.#automaton === undefined) return chunk
    this.#input = this.#input.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#input, chunk])
    this.#output = this.#output.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#output, chunk])
    this.#read(this.#automaton, false)
    const { depths } = this.#automaton
    let open = this.#at - depths[this.#node]!
    for (const { node, last } of this.#readings) open = Math.min(open, startOf(last, depths[node]!))
    return this.#release(open)
  }

  /** Gives the bytes that were held back, and begins a new stream. */
  end(): Uint8Array {
    if (this.#automaton === undefined) return new Uint8Array()
    this.#read(this.#automaton, true)
    this.#node = 0
    this.#readings = new Readings()
    return this.#release(this.#base + this.#input.length)
  }

  #release(place: number): Uint8Array {
    const count = place - this.#base
    const released = this.#output.subarray(0, count)
    // These are copies: a short slice would keep the whole chunk in memory.
    this.#input = Buffer.from(this.#input.subarray(count))
    this.#output = Buffer.from(this.#output.subarray(count))
    this.#base = place
    this.#stars.forget(place)
    return released
  }

  #read(automaton: Automaton, final: boolean): void {
    const [input, starts, base] = [this.#input, this.#starts, this.#base]
    const end = input.length
    let at = this.#at - base
    let node = this.#node
    for (; at < end; at++) {
      if (node === 0 && this.#readings.size === 0)
        while (at + 1 < end && starts[input[at]! * 256 + input[at + 1]!] === 0) at++
      const byte = input[at]!
      const found = beginsEscape(byte) ? escapeAt(input, at) : isLineEnd(byte) ? lineEnd : undefined
      if (found === 'more' && !final) break
      const here = this.#readings.take(base + at)
      if (typeof found === 'object') this.#fork(automaton, base + at, [...here, { node }], found)
      for (const reading of here) this.#goOn(automaton, base + at, reading, byte)
      // All calls together take at most two steps for each byte: the automaton goes back by links only as far
      // as it has come.
      node = automaton.next(node, byte)
      this.#steps++
      const length = automaton.matches[node]!
      if (length > 0) this.#mask(base + at + 1 - length, base + at + 1)
    }
    this.#at = base + at
    this.#node = node
  }

  #mask(from: number, to: number): void {
    this.#stars.add(from, to, (start, end) => this.#output.fill(star, start - this.#base, end - this.#base))
  }

  /**
   * The node after one more byte of a reading. Many readings may begin at the same deep node and follow the
   * same links back from there, so the result is remembered.
   */
  #next(automaton: Automaton, from: number, byte: number): number {
    let node = from
    let falls = 0
    let found: number | undefined
    for (;;) {
      this.#steps++
      found = automaton.child(node, byte)
      if (found !== undefined || node === 0) break
      if (falls > few) found = this.#found.get(node * 256 + byte)
      if (found !== undefined) break
      node = automaton.link(node)
      falls++
    }
    found ??= 0
    if (falls > few) this.#remember(automaton, from, node, byte, found)
    return found
  }

  #remember(automaton: Automaton, from: number, until: number, byte: number, found: number): void {
    if (this.#found.size >= mostFound) this.#found.clear()
    for (let node = from; node !== until && this.#found.size < mostFound; node = automaton.link(node)) {
      this.#steps++
      this.#found.set(node * 256 + byte, found)
    }
  }

  /** Reads an escape in each reading. A line end inside base64 is passed over. */
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
          node = this.#next(automaton, node, byte)
          last = stepAfter(last, at, length === 1)
          this.#mark(automaton, node, last, at + length)
        }
        this.#add(automaton, { at: at + length, node, last: last!, plain: 0 })
      }
      if (bytes.every(isLineEnd) && automaton.marks[from] === 1)
        this.#add(automaton, {
          at: at + length,
          node: from,
          last: before ?? stepAfter(undefined, at - 1),
          plain: 0,
        })
    }
  }

  /** Reads a byte of a reading as it is. */
  #goOn(automaton: Automaton, at: number, reading: Reading, byte: number): void {
    const node = this.#next(automaton, reading.node, byte)
    const last = stepAfter(reading.last, at)
    this.#mark(automaton, node, last, at + 1)
    this.#add(automaton, { at: at + 1, node, last, plain: reading.plain + 1 })
  }

  #mark(automaton: Automaton, node: number, last: Step, end: number): void {
    const length = automaton.matches[node]!
    if (length > 0) this.#mask(startOf(last, length), end)
  }

  /**
   * Follows a reading, unless the plain reading, or another one, finds everything that this one could find.
   */
  #add(automaton: Automaton, reading: Reading): void {
    const depth = automaton.depths[reading.node]!
    if (depth <= reading.plain) return
    const level = this.#readings.at(reading.at)
    this.#steps += level.length + 1
    const depthOf = ({ node }: Reading) => automaton.depths[node]!
    if (level.some(other => depthOf(other) >= depth && alike(other.last, reading.last, depth))) return
    const least =
      level.length < mostReadings ? undefined : level.reduce((a, b) => (depthOf(b) < depthOf(a) ? b : a))
    if (least !== undefined && depthOf(least) >= depth) return
    this.#readings.add({ ...reading, last: trimmedSteps(reading.last, depth) }, least)
  }
}

const isLineEnd = (byte: number): boolean => byte === lineFeed || byte === carriageReturn
const lineEnd: Escape = { bytes: [], length: 1 }
/**
 * The number of links that are followed each time, before results are remembered; and the most results that
 * are remembered.
 */
const [few, mostFound] = [4, 100_000]
