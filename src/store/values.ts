export type SqlValue = string | number | null | Uint8Array

/** A row of an answer by column. */
export type SqlRow = Record<string, SqlValue>
