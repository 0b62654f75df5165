import type { AttachEvent } from '../../remote/events.ts'
import { pullText } from '../../remote/executors/image.ts'

export type AttachLevel = 'debug' | 'info' | 'warning' | 'error'

/** An event in words, and how much it matters. */
export function attachText(event: AttachEvent): { level: AttachLevel; text: string } {
  const line = (level: AttachLevel, text: string) => ({ level, text })
  switch (event.event) {
    case 'life:changed': {
      const { to, because, unable_because, untried } = event
      if (untried) return line('info', 'connected; tries whether jobs can be started')
      if (unable_because !== undefined)
        return line('warning', `connected; takes work when jobs can be started: ${unable_because}`)
      return line(levelOf(to), `${lifeTexts[to]}${because === undefined ? '' : `: ${because}`}`)
    }
    case 'runner:registered':
      return line('info', `registered with ${event.server} as ${event.name}, ${event.runner_id}`)
    case 'registration:failed':
      return line('warning', `not registered: ${event.message}; trying again`)
    case 'registration:refused':
      return line('warning', event.message)
    case 'connection:lost':
      return line(
        'warning',
        `the connection to the server is lost: ${event.message}; jobs run on, and it is tried again`,
      )
    case 'connection:back':
      return line('info', `the server is back after ${event.seconds} s`)
    case 'clock:wrong':
      return line(
        'warning',
        `the clock of this host is ${Math.abs(event.difference_seconds)} s ` +
          `${event.difference_seconds > 0 ? 'ahead of' : 'behind'} the server's; ` +
          'set one of them right (timedatectl set-ntp true)',
      )
    case 'engine:ready':
      return line('info', `jobs can be started: the engine is ${event.engine} at ${event.address}`)
    case 'engine:failed':
      return line('warning', `no job can be started: ${event.message}; trying again`)
    case 'disk:low':
      return line(
        'warning',
        `no work is taken: ${event.path} has ${mebibytes(event.free)} free, ` +
          `and needs ${mebibytes(event.least)}: make room there, or set min_free in [runner]`,
      )
    case 'disk:enough':
      return line('info', `work is taken again: ${event.path} has ${mebibytes(event.free)} free`)
    case 'job:accepted':
      return line('info', `${jobText(event)} is accepted`)
    case 'job:started':
      return line('debug', `${jobText(event)} has started`)
    case 'job:waits':
      return line('warning', `${jobText(event)} waits: ${event.message}`)
    case 'job:ended': {
      const code = event.exit_code === null ? '' : ` with ${event.exit_code}`
      const why = event.reason === null ? '' : ` (${event.reason})`
      return line('info', `${jobText(event)} ${event.outcome}${code}${why}`)
    }
    case 'job:delivered':
      return line('debug', `the server has the result of ${jobText(event)}`)
    case 'job:dropped':
      return line('warning', `${jobText(event)} is dropped: ${event.message}`)
    case 'log:refused':
      return line(
        'warning',
        `the rest of the log of ${jobText(event)}, ${event.bytes} bytes, is not sent: ${event.message}`,
      )
    case 'image:pull':
      return line('info', pullText(event))
    case 'image:removed':
      return line(
        'info',
        `removed the image ${event.image}, which this runner had fetched: ` +
          `the disk of ${event.disk} is nearly full`,
      )
    case 'script:output':
      return line('info', `script ${event.execution_id}: ${event.text.trimEnd()}`)
    case 'runner:recovered':
      return line(
        'info',
        `found jobs of an earlier process: ${event.running} running, ` +
          `${event.finished} to be delivered, ${event.waiting} not started; slots removed: ${event.removed}`,
      )
    case 'runner:draining':
      return line(
        'info',
        `waiting for running jobs to end: ${event.executions}, for ${event.seconds} s at the most; ` +
          'a second signal aborts them',
      )
    case 'notice':
      return line('info', event.message)
  }
}

const lifeTexts = {
  starting: 'starting',
  registering: 'registering',
  ready: 'ready: takes work',
  disabled: 'disabled by an operator: takes no work',
  standby: 'standby: another runner leads the group, so this one takes no work',
  reconnecting: 'reconnecting',
  draining: 'draining: takes no new work',
  stopped: 'stopped',
  deleted: 'deleted: ends its jobs, and removes all that belongs to it',
  superseded: 'superseded: this process ends, its jobs run on',
} as const

function levelOf(state: keyof typeof lifeTexts): AttachLevel {
  if (state === 'deleted' || state === 'superseded') return 'error'
  return state === 'reconnecting' || state === 'starting' ? 'debug' : 'info'
}

const mebibytes = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(0)} MiB`

function jobText({ job_name, execution_id }: { job_name: string | null; execution_id: string }): string {
  return job_name === null ? `execution ${execution_id}` : `${job_name} (${execution_id})`
}
