import type { LogBytes, LogChanges, LogWrite, Query } from '../engine.ts'

/** The most bytes of a log in one row. */
const longest = 1 << 18
/**
 * A row shorter than this is joined with the bytes that follow it, so that a log of many small writes has few
 * rows.
 */
const short = 4096

/** Consecutive bytes of a log. */
interface Piece {
  id: string
  start: number
  bytes: Uint8Array
}

/** Logs as rows of `log_chunks`, which the transaction writes that counts their bytes. */
export class LogChunks implements LogBytes {
  async append(_query: Query, write: LogWrite): Promise<LogWrite> {
    return write
  }

  async flush(query: Query, { writes, drops }: LogChanges): Promise<void> {
    await this.#write(query, writes)
    const whole = 'DELETE FROM log_chunks WHERE log_id = $1 AND start >= $2 AND start + size <= $3'
    await Promise.all(drops.map(({ id, from, to }) => query(whole, id, from, to)))
  }

  async read(query: Query, id: string, offset: number, length: number): Promise<Buffer> {
    const found = await query(
      `SELECT CAST(start AS double precision) AS start, bytes FROM log_chunks
        WHERE log_id = $1 AND start < $3 AND start + size > $2 AND start > CAST($2 AS bigint) - ${longest}
        ORDER BY log_chunks.start`,
      id,
      offset,
      offset + length,
    )
    const parts: Buffer[] = []
    let at = offset
    for (const { start, bytes } of found) {
      if ((start as number) > at) break
      const part = (bytes as Buffer).subarray(at - (start as number), offset + length - (start as number))
      parts.push(part)
      at += part.length
    }
    return Buffer.concat(parts)
  }

  async remove(query: Query, ids: readonly string[]): Promise<void> {
    await query('DELETE FROM log_chunks WHERE log_id IN (SELECT value FROM TEXTS($1))', JSON.stringify(ids))
  }

  committed(): void {}

  /**
   * Makes all writes of a batch in two round trips: the first reads the rows that the writes touch, the
   * second replaces these rows.
   */
  async #write(query: Query, writes: readonly LogWrite[]): Promise<void> {
    if (writes.length === 0) return
    const pieces = joined(writes.map(({ id, offset, bytes }) => ({ id, start: offset, bytes })))
    const ranges = pieces.map(({ id, start, bytes }) => ({ id, start, stop: start + bytes.length }))
    const touched = await query(
      `SELECT log_id, CAST(log_chunks.start AS double precision) AS start, bytes
        FROM (SELECT value->>'id' AS id, CAST(value->>'start' AS bigint) AS start,
          CAST(value->>'stop' AS bigint) AS stop FROM jsonb_array_elements(CAST($1 AS jsonb))) AS written
        JOIN log_chunks ON log_id = id AND log_chunks.start < stop
          AND log_chunks.start > written.start - ${longest}
          AND (log_chunks.start + size > written.start
            OR log_chunks.start + size = written.start AND size < ${short})`,
      JSON.stringify(ranges),
    )
    const before = touched.map(({ log_id, start, bytes }) => ({
      id: log_id as string,
      start: start as number,
      bytes: bytes as Buffer,
    }))
    const rows = joined([...before, ...pieces]).flatMap(split)
    const gone = before.map(({ id, start }) => ({ id, start }))
    let at = 0
    const places = rows.map(({ id, start, bytes }) => {
      const place = { id, start, at: at + 1, size: bytes.length }
      at += bytes.length
      return place
    })
    await Promise.all([
      gone.length === 0
        ? undefined
        : query(
            `DELETE FROM log_chunks USING (SELECT value->>'id' AS id, CAST(value->>'start' AS bigint) AS at
              FROM jsonb_array_elements(CAST($1 AS jsonb))) AS gone WHERE log_id = id AND start = at`,
            JSON.stringify(gone),
          ),
      query(
        `INSERT INTO log_chunks (log_id, start, size, bytes)
          SELECT value->>'id', CAST(value->>'start' AS bigint), CAST(value->>'size' AS integer),
            substring(CAST($2 AS bytea)
              FROM CAST(value->>'at' AS integer) FOR CAST(value->>'size' AS integer))
          FROM jsonb_array_elements(CAST($1 AS jsonb))`,
        JSON.stringify(places),
        Buffer.concat(rows.map(({ bytes }) => bytes)),
      ),
    ])
  }
}

/** Joins pieces that touch or overlap. Where two overlap, the later one counts. */
function joined(pieces: readonly Piece[]): Piece[] {
  const all: Piece[] = []
  for (const [id, own] of Map.groupBy(pieces, piece => piece.id)) {
    const groups: { start: number; stop: number; parts: Piece[] }[] = []
    const byStart = own
      .map((piece, order) => ({ piece, order }))
      .sort((a, b) => a.piece.start - b.piece.start)
    const orders = new Map(byStart.map(({ piece, order }) => [piece, order]))
    for (const { piece } of byStart) {
      const last = groups.at(-1)
      const stop = piece.start + piece.bytes.length
      if (last !== undefined && piece.start <= last.stop) {
        last.parts.push(piece)
        last.stop = Math.max(last.stop, stop)
      } else groups.push({ start: piece.start, stop, parts: [piece] })
    }
    for (const { start, stop, parts } of groups) {
      const bytes = Buffer.alloc(stop - start)
      for (const part of parts.sort((a, b) => orders.get(a)! - orders.get(b)!))
        bytes.set(part.bytes, part.start - start)
      all.push({ id, start, bytes })
    }
  }
  return all
}

/** Cuts a piece into rows. */
function split({ id, start, bytes }: Piece): Piece[] {
  const rows: Piece[] = []
  for (let at = 0; at < bytes.length; at += longest)
    rows.push({ id, start: start + at, bytes: bytes.subarray(at, at + longest) })
  return rows
}
