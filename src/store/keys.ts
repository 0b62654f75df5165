/* The keys of rows and values that more than one file looks up. */

/** One text for the two parts of an idempotency key. */
export function idempotencyId(tokenId: string, key: string): string {
  return `${tokenId} ${key}`
}

/** The names under which `meta` has the two ends of the audit log. */
export const auditBeginsKey = 'audit.begins'
export const auditEndsKey = 'audit.ends'

/** The key of a row with a number: keys are in the order of numbers. */
export const numberKey = (number: number): string => String(number).padStart(16, '0')
