/* Until when the times of all schedules were missed: the server was away, or its clock was wrong. */
import type { Reader } from '../../store/reader.ts'
import type { Writer } from '../../store/writer.ts'

/** Times that were due until then, and are not decided, were missed. */
export interface MissedMark {
  until: number
  reason: 'outage' | 'clock' | 'restored'
}

const marksKey = 'schedules.missed'
/**
 * Each schedule is looked at soon after its mark was made, so that older ones say nothing any more; one that
 * is paused is not, so the latest mark of a restore stays.
 */
const mostMarks = 10

export async function missedMarks(tx: Reader): Promise<MissedMark[]> {
  const text = await tx.meta(marksKey)
  return text === undefined ? [] : (JSON.parse(text) as MissedMark[])
}

const isRestored = ({ reason }: MissedMark): boolean => reason === 'restored'

export async function addMissedMark(tx: Writer, mark: MissedMark): Promise<void> {
  const marks = [...(await missedMarks(tx)), mark]
  const older = marks.slice(0, -mostMarks).filter(isRestored).slice(-1)
  tx.setMeta(marksKey, JSON.stringify([...older, ...marks.slice(-mostMarks)]))
}

/** Lets no mark reach beyond now: the clock was wrong that has set it, and later times are yet to come. */
export async function shortenMarks(tx: Writer): Promise<void> {
  const marks = await missedMarks(tx)
  if (!marks.some(({ until }) => until > tx.now)) return
  tx.setMeta(marksKey, JSON.stringify(marks.map(mark => ({ ...mark, until: Math.min(mark.until, tx.now) }))))
}

/** The first mark that a time is before. */
export const markOf = (marks: readonly MissedMark[], due: number): MissedMark | undefined =>
  marks.find(({ until }) => due <= until)

/** The mark of a restore that a time is before, if there is one. */
export const restoredMarkOf = (marks: readonly MissedMark[], due: number): MissedMark | undefined =>
  marks.find(mark => isRestored(mark) && due <= mark.until)
