/* A server that starts while its database may be away. */
import type { Rig } from './rig.ts'
import type { Run } from './run.ts'

export function serve(rig: Rig, database: string, options: Parameters<Rig['start']>[1] = {}): Run {
  rig.configure({}, `[server]\nlisten = 127.0.0.1:0\ndatabase = ${database}\nkey_file = key\n`)
  return rig.start(['server'], options)
}

/** Waits until the server says that it waits for its database; resolves to its address meanwhile. */
export async function waiting(run: Run): Promise<string> {
  await run.says('waits for its database')
  const line = run.text.split('\n').find(line => line.includes('waits for its database'))
  const { host, port } = JSON.parse(line!) as { host: string; port: number }
  return `http://${host}:${port}`
}
