import type { Edges } from '../../../edges.ts'
import type { Launcher } from './launcher.ts'

export interface HostOptions {
  /** Where slots are made. The user of the jobs must be able to reach it. */
  workDir: string
  /** The runner to which the slots belong. */
  runnerId: string
  /** The command of a supervisor (supervisor.ts); the directory of the job is appended to it. */
  supervisor: readonly [string, ...string[]]
  /** The user of the jobs. `own`, runner's own user, is used only if the configuration says so. */
  user: { uid: number; gid: number } | 'own'
  launcher: Launcher
  edges: Edges
}
