/* The built server as a process that is measured. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import { freePort } from './port.ts'

/** The environment of measured programs: without the variables that change how Node.js starts. */
export const environment: NodeJS.ProcessEnv = { ...process.env, LC_ALL: 'C' }
for (const name of ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'RUNNER_NODE']) delete environment[name]

export interface Running {
  url: string
  /** The folder of its tokens. */
  tokens: string
  pid: number
  /** Milliseconds from the start of the launcher to the first answer. */
  startUp: number
  stop(): Promise<void>
}

/** Starts a server that keeps all its files in a folder, which exists. */
export async function runServer(dir: string, database: string): Promise<Running> {
  const port = await freePort()
  const keys = [
    `listen = 127.0.0.1:${port}`,
    `database = ${database}`,
    `data_dir = ${dir}`,
    `key_file = ${join(dir, 'server.key')}`,
  ]
  writeFileSync(join(dir, 'runner.cfg'), `[server]\n${keys.join('\n')}\n`)
  const start = performance.now()
  const child = execa(resolve('bin/runner'), ['server', '-c', join(dir, 'runner.cfg')], {
    env: environment,
    extendEnv: false,
    stdio: ['ignore', 'ignore', 'pipe'],
    forceKillAfterDelay: false,
    reject: false,
  })
  let ended: string | undefined
  const end = child.then(({ message = 'status 0' }) => {
    ended = message
  })
  const url = `http://127.0.0.1:${port}`
  for (;;) {
    if (ended !== undefined) throw new Error(`runner server has ended: ${ended}`)
    const answered = await fetch(`${url}/health`).then(
      answer => answer.ok,
      () => false,
    )
    if (answered) break
    await new Promise(resolve => setTimeout(resolve, 2))
  }
  const startUp = performance.now() - start
  const stop = async () => {
    child.kill()
    await end
  }
  return { url, tokens: dir, pid: child.pid!, startUp, stop }
}

export const residentKilobytes = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])

/** Seconds of processor time that a process has taken, in steps of 10 ms. */
export function processorSeconds(pid: number): number {
  // The name of the program, in parentheses, may have spaces.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
