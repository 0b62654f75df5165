import { join } from 'node:path'

/** The script that runs as PID 1 of a container. It lies beside this file, and beside the built program. */
export const supervisorFile = join(import.meta.dirname, 'supervisor.sh')
