/*
 * The marks by which a move to another database (move.ts) goes on where it was cut off, and by which no two
 * servers ever use the two halves of it:
 *
 *   the SQLite store          PostgreSQL
 *   in force                  empty
 *   in force                  all of it, not arrived    no server starts on it
 *   moved                     all of it, not arrived    no server starts on either
 *   moved                     arrived, in force
 *
 * Each line is one transaction that is on disk before the next one begins. The version of a store that has
 * moved is one that no release knows, so earlier ones refuse it too.
 */
import { decode, type Encoded, encode } from './row-encoding.ts'
import type { SqlRow } from './values.ts'

/** The mark in a store that has moved away. */
export interface MovedTo {
  /** The id of the move: both ends have the same. */
  id: string
  /** The address of the database, without a password. */
  to: string
  /** RFC 3339, by the clock of the host. */
  at: string
}

/** The mark in a store that has been moved here. */
export interface MovedFrom {
  id: string
  /** The SQLite file, on the host that it was on. */
  from: string
  at: string
  /** False: the move was cut off, and the former store may still be the one in force. */
  arrived: boolean
}

/** The names in `meta`. */
export const movedToKey = 'moved.to'
export const movedFromKey = 'moved.from'

/** The number that is added to the version of a store that has moved. */
export const movedVersion = 1_000_000

export const markRow = (key: string, mark: MovedTo | MovedFrom): Encoded =>
  encode('meta', { key, value: JSON.stringify(mark) }, 0)

const markIn = (answer: SqlRow): unknown => JSON.parse(decode('meta', answer).value)
export const movedToIn = (answer: SqlRow): MovedTo => markIn(answer) as MovedTo
export const movedFromIn = (answer: SqlRow): MovedFrom => markIn(answer) as MovedFrom

/** A sentence for a person who would use a store that has moved; `path` names it. */
export const movedText = (path: string, { to, at }: MovedTo): string =>
  `the store in ${path} moved to ${to} at ${at}: ` +
  'set database in [server] to that; `runner server move --undo` takes the move back, ' +
  'and all that the server has done since is then missing'

/** … who would start a server on what a move has left when it was cut off. */
export const halfMovedText = ({ from, at }: MovedFrom): string =>
  `a move of the store in ${from} into this database, begun at ${at}, was cut off: ` +
  'do the same `runner server move` again, which ends it'
