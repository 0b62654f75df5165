/* Why an execution is in its state, in a sentence. */
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import { durationText, ended, secondsBetween, sentence } from '../texts.ts'

/** Sentences for reasons of which the message, where there is one, does not say what happened. */
const reasons: Record<string, string> = {
  'out-of-memory': 'It used more memory than its runner gives to a job.',
  'disk-full': 'It used more disk than its runner gives to a job.',
  'timed-out': 'It ran longer than its time limit (max_time_seconds).',
  'time-limit': 'It ran longer than its time limit (max_time_seconds).',
  'queued-too-long': 'No runner took it within the time that it may be queued (max_queue_seconds).',
  'never-confirmed': 'Runners got it several times, and none of them confirmed it.',
  'executor-lost': 'Its container ended while it ran.',
  'executor-not-started': 'Its container could not be started.',
  'lease-ended': 'Its runner was not heard of for too long.',
  'node-lost': 'Its runner was not heard of for too long.',
  'output-invalid': 'Its plugin ended without an output that can be read.',
  'runner-deleted': 'Its runner was deleted while it ran.',
  'earlier-attempt-came-back': 'It was not needed: the runner of the attempt before it came back.',
}

/** `It ended with status 3 after 2 min 5 s.` */
export function whySentence(execution: ListedExecution): string {
  const { state, node_name, waiting_because, finished_at } = execution
  const runner = node_name ?? 'its runner'
  switch (state) {
    case 'queued':
      return waiting_because === null ? 'It waits for a runner.' : `It waits: ${ended(waiting_because)}`
    case 'reserved':
      return `It was handed to ${runner}, which has not confirmed it yet.`
    case 'running':
      return waiting_because === null ? `It runs on ${runner}.` : sentence(waiting_because)
    case 'aborting':
      return `Somebody aborted it, and ${runner} is about to end it.`
    case 'succeeded':
      return `It succeeded${afterText(execution)}.`
    case 'failed':
      return cause(execution) ?? `It failed${afterText(execution)}; the reason is not known.`
    case 'aborted':
      return `It was aborted${afterText(execution)}. ${cause(execution) ?? ''}`.trimEnd()
    case 'lost':
      return finished_at === null
        ? `${runner[0]!.toUpperCase()}${runner.slice(1)} was silent too long. It may still come back with it.`
        : (cause(execution) ?? 'Its runner was not heard of for too long, so nobody knows how it ended.')
    case 'withdrawn':
      return cause(execution) ?? 'It was not needed any more.'
  }
}

function cause(execution: ListedExecution): string | undefined {
  const { state, reason, exit_code, error_message } = execution
  // A runner says what it likes, `constructor` too.
  const known = reason !== null && Object.hasOwn(reasons, reason) ? reasons[reason] : undefined
  if (known !== undefined) return error_message === null ? known : `${known} ${sentence(error_message)}`
  if (error_message !== null && error_message.trim() !== '') return sentence(error_message)
  if (state === 'failed' && exit_code !== null)
    return `It ended with status ${exit_code}${afterText(execution)}.`
  return reason === null ? undefined : `The reason is ${reason}.`
}

function afterText({ started_at, finished_at }: ListedExecution): string {
  if (started_at === null || finished_at === null) return ''
  return ` after ${durationText(secondsBetween(started_at, finished_at, 0))}`
}
