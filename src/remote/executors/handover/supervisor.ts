import { join } from 'node:path'

/** The script that runs as PID 1 of a container. It lies beside this file, and beside the built program. */
export const supervisorFile = join(import.meta.dirname, 'supervisor.sh')

/** The script that answers the calls of plugins which stay for further jobs; beside it. */
export const apiFile = join(import.meta.dirname, 'api.sh')

/** The script that carries those calls to the runner, for plugins that take nothing but TLS; beside it. */
export const tlsFile = join(import.meta.dirname, 'tls.sh')
