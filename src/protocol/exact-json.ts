/*
 * JSON that passes through: a number of more digits than a JavaScript number holds keeps them. It becomes a
 * `JSON.rawJSON` value, which `JSON.stringify` writes as it was.
 */

/** A number as its text. */
interface RawNumber {
  readonly rawJSON: string
}

interface ExactJson {
  rawJSON(text: string): RawNumber
  isRawJSON(value: unknown): boolean
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown
}

// The types of ES2024 do not have them yet.
const json: ExactJson = JSON as typeof JSON & ExactJson

/** Digits that a JavaScript number always keeps. */
const keptDigits = 15
/** Whether a text may have such a number in it: only then is each number looked at. */
const mayBeLong = /(?:^|[[:,\s])-?(?:[\d.]{16}|[\d.]+[eE])/

/** Parses JSON; throws the errors of `JSON.parse`. */
export function parseJson(text: string): unknown {
  if (!mayBeLong.test(text)) return JSON.parse(text)
  try {
    return json.parse(text, (_, value, { source }) =>
      typeof value === 'number' && source !== undefined && !isKept(value, source)
        ? json.rawJSON(source)
        : value,
    )
  } catch (error) {
    // Deeper than the stack takes it this way; nobody takes that as it is.
    if (error instanceof RangeError) return JSON.parse(text)
    throw error
  }
}

/** The text of a number that JavaScript does not hold; undefined of any other value. */
export function rawNumber(value: unknown): string | undefined {
  return json.isRawJSON(value) ? (value as RawNumber).rawJSON : undefined
}

function isKept(value: number, source: string): boolean {
  return (source.length <= keptDigits && !/e/i.test(source)) || decimal(String(value)) === decimal(source)
}

/** Digits of a power of ten that can be computed with. */
const longestPower = 9

/** A number in the one form that equal numbers share: digits, and the power of ten of the last digit. */
function decimal(text: string): string {
  const [, sign, whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([-+]?\d+))?$/i.exec(text) ?? []
  if (sign === undefined || power.length > longestPower) return text
  const digits = whole + fraction
  let [first, end] = [0, digits.length]
  while (digits[first] === '0') first++
  while (end > first && digits[end - 1] === '0') end--
  if (first === end) return '0'
  return `${sign}${digits.slice(first, end)}e${Number(power) - fraction.length + digits.length - end}`
}
