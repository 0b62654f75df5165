import type { Clock } from '../../edges.ts'
import type { AttachEvent } from '../../remote/events.ts'
import { escaped, jsonText } from '../../system/printable.ts'
import type { Verbosity } from '../describe.ts'
import { systemdNotifier } from '../systemd.ts'
import { type AttachLevel, attachText } from './lines.ts'

export interface ReporterOptions {
  /** One JSON object a line. */
  json: boolean
  verbosity: Verbosity
}

const order: readonly AttachLevel[] = ['debug', 'info', 'warning', 'error']
const least = { quiet: 'error', normal: 'info', verbose: 'debug' } as const

/** Writes events to standard error, and the state of the runner to systemd. */
export function attachReporter(
  { json, verbosity }: ReporterOptions,
  env: NodeJS.ProcessEnv,
  clock: Clock,
  write: (text: string) => void,
): { emit(event: AttachEvent): void; close(): void } {
  const lost = (problem: string) => write(`runner: systemd is not told how it goes: ${problem}\n`)
  const notifier = env.NOTIFY_SOCKET ? systemdNotifier(env, lost, clock) : undefined
  return {
    emit(event) {
      const { level, text: message } = attachText(event)
      const text = escaped(message)
      if (event.event === 'life:changed') {
        const { to } = event
        const READY = to === 'starting' ? {} : { READY: '1' }
        const STOPPING = to === 'draining' || to === 'deleted' || to === 'superseded' ? { STOPPING: '1' } : {}
        notifier?.notify({ ...READY, ...STOPPING, STATUS: text.slice(0, 300) })
      }
      if (order.indexOf(level) < order.indexOf(least[verbosity])) return
      const at = clock.now().toISOString()
      if (json) return write(`${jsonText({ at, level, message, ...event })}\n`)
      write(`${at.slice(11, 19)} ${level === 'info' ? '' : `${level}: `}${text}\n`)
    },
    close: () => notifier?.close(),
  }
}
