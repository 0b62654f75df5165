/* The program of a supervisor: `node supervisor.ts DIRECTORY`. */
import { systemChance, systemClock } from '../../../edges.ts'
import { JobDirectory } from './job-directory.ts'
import { supervise } from './supervise.ts'

const signalled = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => signalled.abort())
// The end of a terminal does not end a job.
process.on('SIGHUP', () => {})

const [directory] = process.argv.slice(2)
if (directory === undefined) throw new Error('the directory of a job is missing')
await supervise(new JobDirectory(directory), { clock: systemClock, chance: systemChance }, signalled.signal)
