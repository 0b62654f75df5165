import { defined } from '../../result.ts'
import type { NewCommand } from '../define-command.ts'

/** The option of a command about one name in a namespace. */
export const namespaceOption = [
  '--namespace <namespace>',
  "namespace (default: the token's only one, else `default`)",
] as const

/** The argument and the option of a command about one job. */
export const oneJob = (command: NewCommand) => command.argument('<job>').option(...namespaceOption)

/** The option of a command that lists what is in namespaces. */
export const narrowOption = [
  '--namespace <namespace>',
  'only what is in this namespace (default: all that the token may see)',
] as const

/** The query of a call about a namespace; a server of release 0.1.0 knows none. */
export const inNamespace = (namespace: string | undefined): { namespace?: string } => defined({ namespace })
