/* The comments and the status line that a plugin sets by markers in its log. */

import { scanMarkers } from '../../protocol/markers.ts'
import type { Mask } from '../../protocol/mask/mask.ts'
import { maskText } from '../../protocol/mask/mask-output.ts'
import type { LogRow } from '../../store/rows.ts'

/**
 * Characters of comments that are kept beside the log, which has them all; and as how many each counts beside
 * its own.
 */
const mostKept = 262_144
const countsAs = 100

/**
 * The log with the comments and the status line of markers in `bytes`, which begin where the search resumes.
 * They are masked again: a logger's prefix may have been in the middle of a secret.
 */
export function withMarkers(log: LogRow, bytes: Uint8Array, mask: Mask): LogRow {
  const found = scanMarkers(bytes)
  const { scanned } = found
  const status_line = found.status_line === undefined ? undefined : maskText(found.status_line, mask)
  const kept = [...log.comments]
  let size = kept.reduce((sum, comment) => sum + comment.length + countsAs, 0)
  for (const comment of found.comments) {
    size += comment.length + countsAs
    if (size > mostKept) break
    kept.push(maskText(comment, mask))
  }
  const now = { ...log, scanned: log.scanned + scanned }
  if (kept.length > log.comments.length) now.comments = kept
  return status_line === undefined ? now : { ...now, status_line }
}
