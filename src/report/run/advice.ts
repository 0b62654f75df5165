import type { Event } from '../../event.ts'
import { shown } from '../../system/printable.ts'
import { shellQuote } from '../../system/shell-quote.ts'
import type { DescribedLine } from '../describe.ts'

/** Gives lines for after an event, which say what a person can do next. */
export type Advise = (event: Event) => DescribedLine[]

/** The options of a command line that another command needs too, to mean the same chain. */
export interface SameChain {
  /** `-c`. */
  config?: string
  /** The task directory, where the command line names one. */
  directory?: string | undefined
}

/**
 * Advises at the end of each run: how to resume it after an interruption, and where to look after a failure.
 */
export function adviser({ config, directory }: SameChain): Advise {
  const configuration = config === undefined ? '' : ` -c ${shellQuote(config)}`
  const named = directory === undefined ? '' : ` ${shellQuote(directory)}`
  const recorded = `${configuration}${directory === undefined ? '' : ` --task-dir${named}`}`
  let resumable = false
  let isRecorded = false
  return event => {
    if (event.event === 'run:started') {
      isRecorded = event.run_dir !== undefined
      resumable = isRecorded && !event.partial
    }
    if (event.event !== 'run:ended' || event.reason === 'succeeded' || event.reason === 'reboot') return []
    const { run_id, task } = event
    const orOutput =
      task === undefined
        ? ''
        : `; \`runner logs${recorded} ${run_id} ${shellQuote(shown(task))}\` shows the output`
    const lines =
      event.reason === 'interrupted'
        ? resumable && [`\`runner run --resume${configuration}${named}\` resumes it`]
        : isRecorded && [`\`runner explain${recorded} ${run_id}\` says why${orOutput}`]
    return (lines || []).map(text => ({ priority: 'notice', text }))
  }
}
