/*
 * Removes secrets from a plugin's output: each secret in its texts and keys, at any depth, becomes as many
 * `*` as it has bytes, as in a log. A number becomes a text where something of it is masked.
 */
import { nextTurn } from '../../system/wait.ts'
import { rawNumber } from '../exact-json.ts'
import { type Mask, Masker, maskBytes } from './mask.ts'
import { isObject, passwordsIn, textsOf } from './secrets.ts'

/** The text that is shown in place of a password. */
export const hidden = '********'

/** The parts of a plugin's output that people may see; all of it can be anything. */
export interface ShownOutput {
  jobErrorMessage?: unknown
  outputProperties?: unknown
  reportingRecords?: unknown
}

/**
 * Masks an output in place. The outputs that are passwords stay as they are. Other work of the process gets
 * its turns meanwhile.
 */
export function maskOutput<T extends ShownOutput>(
  output: T,
  passwords: ReadonlySet<string>,
  mask: Mask,
): Promise<T> {
  return maskShown(output, passwords, mask, false)
}

/** The same, and hides the outputs that are passwords. */
export function showOutput<T extends ShownOutput>(
  output: T,
  passwords: ReadonlySet<string>,
  mask: Mask,
): Promise<T> {
  return maskShown(output, passwords, mask, true)
}

/** Masks a text. */
export function maskText(text: string, mask: Mask): string {
  if (mask.automaton === undefined || text === '') return text
  return Buffer.from(maskBytes(Buffer.from(text), mask)).toString()
}

/** The most bytes of an output's passwords that are looked for in its other texts. */
const mostOfOutput = 16_384

/** The texts of the passwords in an output, the short ones first, up to `mostOfOutput` bytes. */
export function secretsOfOutput(
  { outputProperties, reportingRecords }: ShownOutput,
  passwords: ReadonlySet<string>,
): string[] {
  const named = isObject(outputProperties)
    ? Object.entries(outputProperties).flatMap(([name, value]) => (passwords.has(name) ? textsOf(value) : []))
    : []
  const texts = new Set([...named, ...passwordsIn(outputProperties), ...passwordsIn(reportingRecords)])
  let size = 0
  return [...texts]
    .toSorted((one, other) => one.length - other.length)
    .filter(text => {
      size += Buffer.byteLength(text)
      return size <= mostOfOutput
    })
}

/** An object or an array, whose keys are its indexes. */
type Holder = Record<string | number, unknown>

/** A text in a value: the value of `key` in `holder`, or, where `isKey`, the key itself. */
interface Part {
  holder: Holder
  key: string | number
  text: string
  isKey: boolean
}

/**
 * The parts, and the characters of parts, that are masked together; and the bytes that are masked in one turn
 * of the event loop.
 */
const batch = { parts: 10_000, characters: 1_000_000, bytes: 262_144 }
/**
 * The character between two parts. A secret that has this character in it may be masked across two parts: too
 * much is masked then, never too little.
 */
const between = '\0'

async function maskShown<T extends ShownOutput>(
  output: T,
  passwords: ReadonlySet<string>,
  mask: Mask,
  hides: boolean,
): Promise<T> {
  const { jobErrorMessage, outputProperties, reportingRecords } = output
  const shown: Holder = { jobErrorMessage, outputProperties, reportingRecords }
  const masker = new PartMasker(mask)
  const rest: Holder[] = [shown]
  const look = (holder: Holder, key: string | number, value: unknown) => {
    const text =
      typeof value === 'number' ? String(value) : typeof value === 'string' ? value : rawNumber(value)
    if (text !== undefined) masker.add({ holder, key, text, isKey: false })
    else if (typeof value === 'object' && value !== null) rest.push(value as Holder)
  }
  for (let holder = rest.pop(); holder !== undefined; holder = rest.pop()) {
    if (Array.isArray(holder)) {
      for (const [index, value] of holder.entries()) {
        look(holder, index, value)
        if (masker.isFull) await masker.flush()
      }
      continue
    }
    for (const [key, value] of Object.entries(holder)) {
      if (holder !== shown) masker.add({ holder, key, text: key, isKey: true })
      const isPassword =
        (holder.password === true && key === 'value') || (holder === outputProperties && passwords.has(key))
      if (!isPassword) look(holder, key, value)
      else if (hides && value !== null) set(holder, key, hidden)
      if (masker.isFull) await masker.flush()
    }
  }
  await masker.flush()
  masker.rename()
  for (const [key, value] of Object.entries(shown)) if (value !== undefined) set(output as Holder, key, value)
  return output
}

class PartMasker {
  readonly #mask: Mask
  #parts: Part[] = []
  #characters = 0
  /**
   * The new names of keys, by their old names. Keys are changed last: until then values are set by the old
   * names.
   */
  readonly #keys = new Map<Holder, Map<string, string>>()

  constructor(mask: Mask) {
    this.#mask = mask
  }

  get isFull(): boolean {
    return this.#parts.length >= batch.parts || this.#characters >= batch.characters
  }

  add(part: Part): void {
    if (this.#mask.automaton === undefined || part.text === '') return
    this.#parts.push(part)
    this.#characters += part.text.length
  }

  rename(): void {
    for (const [holder, names] of this.#keys) rename(holder, names)
  }

  async flush(): Promise<void> {
    const parts = this.#parts
    this.#parts = []
    this.#characters = 0
    const bytes = Buffer.from(parts.map(({ text }) => text).join(between))
    const masker = new Masker(this.#mask)
    const pieces: Uint8Array[] = []
    for (let at = 0; at < bytes.length; at += batch.bytes) {
      pieces.push(masker.push(bytes.subarray(at, at + batch.bytes)))
      if (at + batch.bytes < bytes.length) await nextTurn()
    }
    const masked = Buffer.concat([...pieces, masker.end()])
    if (masked.equals(bytes)) return
    let at = 0
    for (const { holder, key, text, isKey } of parts) {
      const end = at + Buffer.byteLength(text)
      if (masked.compare(bytes, at, end, at, end) !== 0) {
        const now = masked.toString('utf8', at, end)
        if (isKey) this.#keys.set(holder, (this.#keys.get(holder) ?? new Map()).set(key, now))
        else set(holder, key, now)
      }
      at = end + between.length
    }
  }
}

/** Sets a value whatever its key is, `__proto__` too. */
function set(holder: Holder, key: string | number, value: unknown): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true })
}

/**
 * Gives values other keys. Where two keys are masked alike, the second one gets a number, so that each keeps
 * its value.
 */
function rename(holder: Holder, names: ReadonlyMap<string, string>): void {
  const entries = Object.entries(holder)
  for (const [key] of entries) delete holder[key]
  const taken = new Map<string, number>()
  for (const [key, value] of entries) {
    const name = names.get(key) ?? key
    let times = (taken.get(name) ?? 0) + 1
    while (times > 1 && taken.has(`${name} (${times})`)) times++
    taken.set(name, times)
    const free = times === 1 ? name : `${name} (${times})`
    taken.set(free, taken.get(free) ?? 1)
    set(holder, free, value)
  }
}
