/*
 * The formats of the files of the spool. Each file names its `format`. A file without one has format 0, that
 * of release 0.1.0; this file fills in the defaults, so that the rest of the program knows the latest format
 * alone. No reader accepts a file of a newer format.
 */
import { readFileSync } from 'node:fs'
import { parseJson } from '../../protocol/exact-json.ts'
import type { JobState } from '../executors/executor.ts'
import { isPathPart } from '../path-part.ts'
import type { AssignedJob, JobEnd, Lease, Preparation } from './job.ts'

const format = 1

/** The content of `job.json`. */
export interface JobRecord {
  job: AssignedJob
  /** Absent where no server has anything to do with it. */
  lease?: Lease | undefined
}

/** The content of `placing.json` and of `place.json`. */
export interface PlaceRecord {
  state: JobState
  boot_id: string
  /** The digest of the image that was prepared, if the server is to be told. */
  image_digest?: string | undefined
  /** Absent in a record of an earlier release. */
  preparation?: Preparation | undefined
}

export const jobText = (record: JobRecord): string => JSON.stringify({ format, ...record })
export const endText = (end: JobEnd): string => JSON.stringify({ format, ...end })
export const placeText = ({ state, ...record }: PlaceRecord): string =>
  JSON.stringify({ format, ...record, ...state })

/** The defaults for fields that the record of a job lacks. */
const emptyJob: Omit<AssignedJob, 'execution_id' | 'kind' | 'image'> = {
  runner_group: 'default',
  env: {},
  secret_env: {},
  secrets: [],
  session_key: '',
  release_url: '',
  max_time_seconds: 0,
  abort_timeout_seconds: 30,
  max_output_bytes: 1_000_000,
}

const emptyEnd: Omit<JobEnd, 'outcome' | 'started_at' | 'finished_at'> = {
  exit_code: null,
  reason: null,
  error_message: null,
  output: null,
  log_length: 0,
  log_sha256: '',
}

/** Undefined if the file is missing or incomplete. */
export function readJob(path: string): JobRecord | 'newer' | undefined {
  const read = readFile(path)
  if (read === undefined || read === 'newer') return read
  const { job, lease } = read
  return job !== undefined && isPathPart(job?.execution_id)
    ? { job: { ...emptyJob, ...job }, lease }
    : undefined
}

export function readEnd(path: string): JobEnd | 'newer' | undefined {
  const read = readFile(path)
  if (read === undefined || read === 'newer') return read
  const { outcome, started_at, finished_at } = read
  if (outcome === undefined || started_at === undefined || finished_at === undefined) return undefined
  return { ...emptyEnd, ...read, outcome, started_at, finished_at }
}

/** `job` is that of the same execution: format 0 does not repeat what the backend needs of it. */
export function readPlace(path: string, job: AssignedJob): PlaceRecord | 'newer' | undefined {
  const read = readFile(path)
  if (read === undefined || read === 'newer') return read
  const { boot_id = 'unknown', image_digest, preparation, backend, version = 0, data } = read
  if (backend !== undefined) return { boot_id, image_digest, preparation, state: { backend, version, data } }
  const { executor_id, nonce, leaf } = read
  const { execution_id: job_id, max_time_seconds: limit, abort_timeout_seconds: grace } = job
  const place = { executor_id, nonce, leaf, job_id, limit, grace }
  return { boot_id, state: { backend: 'docker', version: 0, data: place } }
}

/** All fields that one of the files may have. */
type AnyRecord = Partial<JobRecord & JobEnd & JobState & PlaceOf0 & Omit<PlaceRecord, 'state'>>

/** The content of a place in format 0. */
interface PlaceOf0 {
  executor_id: unknown
  nonce: unknown
  leaf: unknown
}

function readFile(path: string): AnyRecord | 'newer' | undefined {
  try {
    const value = parseJson(readFileSync(path, 'utf8')) as (AnyRecord & { format?: number }) | null
    if (typeof value !== 'object' || value === null) return undefined
    const { format: written = 0, ...record } = value
    return written > format ? 'newer' : record
  } catch {
    return undefined
  }
}
