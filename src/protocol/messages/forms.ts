/*
 * The forms that texts of many messages have: a pattern, and the form in words. Apart from the schemas, so
 * that programs which only name a form in a message need no library of schemas.
 */

/** RFC 3339, UTC, milliseconds. */
export const time = {
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z$',
  description: 'RFC 3339 in UTC with milliseconds',
}
/** A time in the forms that clients may send: with fractions and offsets of any RFC 3339 form. */
export const anyTime = {
  pattern: '^\\d{4}-\\d{2}-\\d{2}[Tt]\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?([Zz]|[+-]\\d{2}:\\d{2})$',
  description: 'RFC 3339',
}
export const id = { pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', description: 'UUID' }
export const name = {
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
  description: 'letters, digits, dot, underscore and dash; at most 128',
}

const inWords = new Map([time, anyTime, id, name].map(({ pattern, description }) => [pattern, description]))

/** The form with a pattern in words. */
export const formOf = (pattern: string): string | undefined => inWords.get(pattern)
