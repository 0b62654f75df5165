import type { Emit } from '../event.ts'
import type { Verbosity } from './describe.ts'
import type { Out } from './stream.ts'

const newline = 10

/** Writes the output of tasks and nothing else (none when quiet); each try begins on a line of its own. */
export function outputReporter(out: Out, verbosity: Verbosity): Emit {
  let atLineStart = true
  return event => {
    if (event.event === 'try:output' || event.event === 'hook:output') {
      const shown = event.event === 'try:output' ? verbosity !== 'quiet' : verbosity === 'verbose'
      if (!shown || event.data.length === 0) return
      atLineStart = event.data.at(-1) === newline
      return out.write(event.data)
    }
    if (atLineStart) return
    atLineStart = true
    return out.write('\n')
  }
}
