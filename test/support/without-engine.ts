/* An attached runner without an engine: enough for its registration. */
import { Attached } from './attached.ts'
import type { Rig } from './rig.ts'

/** Writes a configuration whose engine answers nowhere. */
export const configure = (rig: Rig, remote: Record<string, string>, server = '') => {
  const keys = { health_listen: '127.0.0.1:0', ...remote }
  const lines = Object.entries(keys).map(([key, value]) => `${key} = ${value}\n`)
  rig.configure(
    {},
    `[server]\nlisten = 127.0.0.1:0\n${server}\n[remote]\n${lines.join('')}[executor]\ndocker_host = unix:///nowhere.sock`,
  )
}

/** Starts the runner; `before` is a command that ends in executing it. */
export const attach = (rig: Rig, ...before: string[]) =>
  new Attached(rig.start(['attach', '--json'], { lasting: true, before }))
