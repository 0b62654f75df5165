/*
 * Which image a run gets. A tag may move between two attempts, so the first runner that gets the image
 * reports its digest, and later attempts get that one. A runner reports the digest alone: the repository is
 * always that of the definition.
 */
import type { ExecutionRow } from '../../store/rows.ts'

type Row = Pick<ExecutionRow, 'image' | 'image_digest' | 'retries_left' | 'kind'>

/** The digest in a reservation: one to run; null: the runner is to report it; undefined: neither. */
export function digestToRun({ image, image_digest, retries_left, kind }: Row): string | null | undefined {
  if (image.includes('@') || kind === 'script') return undefined
  return image_digest ?? (retries_left > 0 ? null : undefined)
}

/**
 * The execution with the digest that its runner reports; the first one stays, and none is taken that nobody
 * asked for.
 */
export function withReportedDigest<R extends Row>(row: R, image_digest: string | undefined): R {
  return image_digest !== undefined && digestToRun(row) === null ? { ...row, image_digest } : row
}
