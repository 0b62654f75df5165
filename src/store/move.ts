/*
 * Moves a store from SQLite to PostgreSQL, while no server uses either. The rows go at the version that the
 * store has, and PostgreSQL migrates them, all in one transaction; moved.ts has the marks that make one
 * server of the two at every moment. Written rows are read again before they count.
 */
import { existsSync } from 'node:fs'
import type { Edges } from '../edges.ts'
import { type AuditFacts, chainStart, entryAfter } from '../protocol/audit-chain.ts'
import type { ChainEnd } from '../protocol/messages/audit.ts'
import { fail, ok, type Result } from '../result.ts'
import { shownDatabase } from './database-url.ts'
import { StoreFailure } from './failure.ts'
import { auditEndsKey } from './keys.ts'
import { copyLogs, copyTable, type Progress, TooOdd } from './move-copy.ts'
import { type MovedFrom, type MovedTo, markRow, movedFromKey, movedText } from './moved.ts'
import { keyWith } from './next-key.ts'
import { MoveTarget } from './postgres/move-target.ts'
import { encode } from './row-encoding.ts'
import type { AuditRow } from './rows.ts'
import { MoveSource } from './sqlite/move-source.ts'

export interface MoveOptions {
  /** The SQLite file that is moved. */
  file: string
  dataDir?: string
  keyFile: string
  /** The address of the PostgreSQL. */
  to: string
  edges: Edges
  /** Makes the entry of the audit log. */
  factsOf(ends: { from: string; to: string }): AuditFacts
  tell(progress: Progress): void
}

export interface Moved {
  /** `completed`: all that was left to do was the end of an earlier move. */
  outcome: 'moved' | 'completed'
  /** An earlier move was cut off, and what it left has been replaced. */
  restarted: boolean
  rows: number
  log_bytes: number
  /** Rows that nobody could read before either. */
  damaged_rows: number
  /** Bytes of logs that had been lost before. */
  missing_log_bytes: number
  from: string
  /** Without a password. */
  to: string
}

/** Moves a store; fails with a sentence. */
export async function moveStore(options: MoveOptions): Promise<Result<Moved, string>> {
  const { file, dataDir, edges, to } = options
  const opened = MoveSource.open(file, dataDir, edges.clock)
  if (!opened.ok) return opened
  using source = opened.value
  const unfit = unfitSource(source, options)
  if (unfit !== undefined) return fail(unfit)
  const connected = await MoveTarget.open(to)
  if (!connected.ok) return fail(connected.failure.detail)
  await using target = connected.value
  const move = new Move(source, target, options)
  try {
    return await move.run()
  } catch (error) {
    if (!(error instanceof StoreFailure)) throw error
    return fail(`${error.message}; ${move.whatNow}`)
  }
}

/** Lets the SQLite store of a move be used again, as it was then; gives where it had moved. */
export function undoMove({
  file,
  dataDir,
  edges,
}: Pick<MoveOptions, 'file' | 'dataDir' | 'edges'>): Result<MovedTo, string> {
  const opened = MoveSource.open(file, dataDir, edges.clock)
  if (!opened.ok) return opened
  using source = opened.value
  const { moved, path } = source
  if (moved === undefined) return fail(`the store in ${path} has not moved: there is nothing to take back`)
  try {
    source.mark(undefined)
    return ok(moved)
  } catch (error) {
    if (!(error instanceof StoreFailure)) throw error
    return fail(`the move cannot be taken back: ${error.message}`)
  }
}

function unfitSource(source: MoveSource, { keyFile }: MoveOptions): string | undefined {
  const check = source.meta('key_check')
  if (check === undefined)
    return (
      `the store in ${source.path} is new: ` +
      'there is nothing to move, so set database in [server] and start the server'
    )
  if (!existsSync(keyFile) || keyWith(keyFile, check) === undefined)
    return (
      `the key in ${keyFile} is not the one with which the store in ${source.path} is sealed: ` +
      'bring that one back before the move'
    )
  return undefined
}

class Move {
  readonly #source: MoveSource
  readonly #target: MoveTarget
  readonly #options: MoveOptions
  readonly #to: string
  /** The last step that was reached, for the text about a failure. */
  #stage: 'before' | 'commit' | 'here' | 'marked' = 'before'

  constructor(source: MoveSource, target: MoveTarget, options: MoveOptions) {
    this.#source = source
    this.#target = target
    this.#options = options
    this.#to = shownDatabase(options.to)
  }

  async run(): Promise<Result<Moved, string>> {
    const { moved, path } = this.#source
    const state = await this.#target.state()
    const { where } = this
    if (moved !== undefined) {
      if (state.kind !== 'moved' || state.mark.id !== moved.id) return fail(movedText(path, moved))
      if (!state.mark.arrived) await this.#arrive(state.mark)
      return ok({ ...this.#ends, ...nothingCopied, outcome: 'completed', restarted: false })
    }
    if (state.kind === 'foreign')
      return fail(
        `the schema runner of ${where} has something of another program ` +
          `(${state.names.slice(0, 5).join(', ')}): name another database`,
      )
    if (state.kind === 'store' || (state.kind === 'moved' && state.mark.arrived))
      return fail(
        `${where} has a store of a runner server already, which is not written over: ` +
          'name another database, or remove that store by DROP SCHEMA runner CASCADE',
      )
    if (state.kind === 'moved' && state.check !== this.#source.meta('key_check'))
      return fail(
        `${where} has what a move of another store, from ${state.mark.from}, has left when it was cut off: ` +
          'end that one, name another database, or give it up by DROP SCHEMA runner CASCADE',
      )
    const damage = this.#source.damage()
    if (damage !== undefined) return fail(damage)
    const { chance, clock } = this.#options.edges
    const mark: MovedFrom = { id: chance.id(), from: path, at: clock.now().toISOString(), arrived: false }
    const copied = await this.#copy(mark)
    if (!copied.ok) return copied
    this.#stage = 'here'
    this.#source.mark({ id: mark.id, to: this.#to, at: mark.at })
    this.#stage = 'marked'
    await this.#arrive(mark)
    return ok({ ...this.#ends, ...copied.value, outcome: 'moved', restarted: state.kind === 'moved' })
  }

  /** The target in a sentence. */
  get where(): string {
    return `the database ${this.#to}`
  }

  get #ends(): { from: string; to: string } {
    return { from: this.#source.path, to: this.#to }
  }

  /** The text that says what a failed move has changed, and what to do next. */
  get whatNow(): string {
    const texts = {
      before: 'nothing has been changed, and the store is where it was',
      commit:
        `nobody has heard whether ${this.where} took all of it; ` +
        `the store in ${this.#source.path} is still the one in force: do the same again`,
      here: `the store in ${this.#source.path} is still the one in force: do the same again`,
      marked:
        `all of the store is in ${this.where}: ` +
        'do the same again, which ends the move; no server starts before that',
    }
    return texts[this.#stage]
  }

  /** Copies all, and checks it, in one transaction. */
  async #copy(mark: MovedFrom): Promise<Result<typeof nothingCopied, string>> {
    const [source, target, { tell }] = [this.#source, this.#target, this.#options]
    const all = { rows: 0, bytes: source.logBytes() }
    for (const table of source.tables) all.rows += source.count(table)
    const done = { ...nothingCopied }
    const odd: string[] = []
    const checks: (() => Promise<string | undefined>)[] = []
    await target.begin(source.version)
    const progress = (stage: Progress['stage']) => (rows: number, bytes: number) => {
      done.rows += rows
      done.log_bytes += bytes
      tell({ stage, rows: done.rows, ofRows: all.rows, bytes: done.log_bytes, ofBytes: all.bytes })
    }
    for (const table of source.tables) {
      const copied = await copyTable(source, target, table, progress('copied'))
      if (copied instanceof TooOdd) odd.push(...copied.rows)
      else {
        done.damaged_rows += copied.damaged
        checks.push(() => copied.check(progress('checked')))
      }
    }
    if (odd.length > 0) return fail(oddText(source.path, odd))
    const logs = await copyLogs(source, target, progress('copied'))
    await target.complete(source.version)
    const counts = { rows: done.rows, log_bytes: done.log_bytes }
    Object.assign(done, { rows: 0, log_bytes: 0 })
    for (const check of [...checks, () => logs.check(progress('checked'))]) {
      const problem = await check()
      if (problem !== undefined) return fail(`${this.where} ${problem}; ${this.whatNow}`)
    }
    if (counts.rows !== all.rows)
      return fail(
        `the store in ${source.path} has ${all.rows} rows, and ${counts.rows} could be read; ${this.whatNow}`,
      )
    await this.#audit(mark.at)
    await target.putEncoded('meta', [markRow(movedFromKey, mark)])
    this.#stage = 'commit'
    await target.commit()
    return ok({ ...done, ...counts, missing_log_bytes: source.missing })
  }

  /** Puts the entry of the move behind the last of the audit log. */
  async #audit(at: string): Promise<void> {
    const known = this.#source.meta(auditEndsKey)
    const end = known === undefined ? chainStart : (JSON.parse(known) as ChainEnd)
    const entry: AuditRow = entryAfter(end, at, this.#options.factsOf(this.#ends))
    const { number, hash } = entry
    const ends = { key: auditEndsKey, value: JSON.stringify({ number, hash }) }
    await this.#target.putEncoded('audit', [encode('audit', entry, 0)])
    await this.#target.putEncoded('meta', [encode('meta', ends, 0)])
  }

  /** Brings the store in force where it is now. */
  async #arrive(mark: MovedFrom): Promise<void> {
    this.#stage = 'marked'
    await this.#target.putEncoded('meta', [markRow(movedFromKey, { ...mark, arrived: true })])
  }
}

const nothingCopied = { rows: 0, log_bytes: 0, damaged_rows: 0, missing_log_bytes: 0 }

const oddText = (path: string, odd: readonly string[]): string => {
  const shown = odd.slice(0, 10).join('; ')
  const more = odd.length > 10 ? `; and ${odd.length - 10} more` : ''
  return (
    `rows in ${path} are damaged so that PostgreSQL cannot hold them: ${shown}${more}. ` +
    'Nothing has been changed: restore a backup, or remove these rows by sqlite3, which loses them'
  )
}
