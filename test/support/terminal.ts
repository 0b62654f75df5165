import { program } from './require.ts'
import type { StartOptions } from './rig.ts'

/** The program that a test on a terminal needs. */
export const terminal = program('script')

/** Starts a program on a terminal of its own (script(1)); no argument of it may have a quote in it. */
export const onTerminal: StartOptions = {
  before: ['sh', '-c', `exec script -qec "$(printf "'%s' " "$0" "$@")" /dev/null`],
  env: { TERM: 'xterm' },
}
