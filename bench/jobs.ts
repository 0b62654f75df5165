/*
 * Measures a job's whole way (submit, server, attached runner, container, result seen) against docker run of the same
 * image on the same engine, a throw-away one; writes its part of docs/benchmarks.md. Needs root and a Docker engine.
 * Build first: npm run build.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { execa, execaSync } from 'execa'
import { Engine } from '../test/support/engine.ts'
import { makeImage, withBusybox } from '../test/support/images.ts'
import { median, percentile, replacePart } from './figures.ts'
import { FollowedJobs } from './followed-jobs.ts'
import { freePort } from './port.ts'

const folder = mkdtempSync(join(tmpdir(), 'runner-bench-'))
const environment: NodeJS.ProcessEnv = { ...process.env, LC_ALL: 'C' }
for (const name of ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'RUNNER_NODE']) delete environment[name]

// With the network that an engine gives its containers, and runner jobs, where nobody says otherwise.
await using engine = await Engine.start('--live-restore', '--bridge=', '--iptables=true')
await makeImage(engine, 'box', { fill: withBusybox })

const url = `http://127.0.0.1:${await freePort()}`
const work = join(engine.directory, 'work')
mkdirSync(work)
writeFileSync(
  join(folder, 'runner.cfg'),
  `[runner]
state_dir = state
[server]
listen = ${url.slice('http://'.length)}
[remote]
url = ${url}
token_file = state/server/registration.token
name = bench
work_dir = ${work}
health_listen = 127.0.0.1:0
[executor]
docker_host = unix://${engine.socket}
pull = never
`,
)
const spawn = (command: string) =>
  execa(resolve('bin/runner'), [command, '-c', join(folder, 'runner.cfg')], {
    env: environment,
    extendEnv: false,
    stdio: 'ignore',
    forceKillAfterDelay: false,
    reject: false,
  })
const children: ReturnType<typeof spawn>[] = []
function start(command: string) {
  const child = spawn(command)
  children.push(child)
  return child
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look().catch(() => undefined)
    if (found !== undefined) return found
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

let token = ''
async function call(method: string, path: string, body?: object) {
  const answer = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
  return answer
}

let jobs: FollowedJobs | undefined
/** Runs one job, and follows it until its result is seen; the bytes of its log. */
const job = async (command: string[]) => (await jobs!.run({ image: 'box', command })).bytes

const docker = (...args: string[]) => {
  execaSync('docker', ['-H', `unix://${engine.socket}`, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
}

async function timed(action: () => unknown): Promise<number> {
  const start = performance.now()
  await action()
  return performance.now() - start
}

const dockerRun = () => docker('run', '--rm', 'box', 'true')
const dockerRunAlone = () => docker('run', '--rm', '--network', 'none', 'box', 'true')
const set = async (settings: object) => {
  const { items } = (await (await call('GET', '/v1/runners')).json()) as { items: { id: string }[] }
  await call('PATCH', `/v1/runners/${items[0]!.id}`, settings)
}

/** Things in turn, round after round: milliseconds of each. */
async function inTurn(rounds: number, ...actions: (() => unknown)[]): Promise<number[][]> {
  const times: number[][] = actions.map(() => [])
  for (let round = 0; round <= rounds; round++)
    for (const [index, action] of actions.entries()) {
      const time = await timed(action)
      // The first round warms up.
      if (round > 0) times[index]!.push(time)
    }
  return times
}

/** The ratio of the first duration to the second, as the median of the rounds. */
const ratio = (one: number[] = [], other: number[] = []) =>
  median(one.map((time, round) => time / other[round]!))

function verdict(reached: boolean): string {
  return reached ? '**reached**' : '**missed**'
}

/** Jobs after which programs that run for days are measured as they are then. */
const warmUp = 300

async function single(): Promise<string> {
  const row = (name: string, times: number[] = []) =>
    `| ${name} | ${percentile(times, 50).toFixed(1)} | ${percentile(times, 95).toFixed(1)} |`
  const rows = (name: string, [ours, run, alone]: number[][]) => [
    row(name, ours),
    row('`docker run --rm` in turn with it', run),
    row('`docker run --rm --network none` in turn with it', alone),
  ]
  const compare = (rounds: number) => inTurn(rounds, () => job(['true']), dockerRun, dockerRunAlone)
  console.error('Cold …')
  await set({ eviction_time_seconds: 0 })
  const cold = await compare(15)
  console.error('Warm …')
  await set({ eviction_time_seconds: 60 })
  const early = await compare(40)
  for (let count = 0; count < warmUp; count++) {
    await job(['true'])
    // Until its container is clean, another job gets another one.
    await new Promise(resolve => setTimeout(resolve, 60))
  }
  const warm = await compare(40)
  const most = ratio(cold[0], cold[1])
  const times = ([ours, run, alone]: number[][]) => {
    const [faster, fasterAlone] = [ratio(run, ours), ratio(alone, ours)]
    return { faster, text: `${faster.toFixed(1)} times (${fasterAlone.toFixed(1)} without network)` }
  }
  const [before, after] = [times(early), times(warm)]
  return [
    '## One job',
    '',
    'From the submit to the end of its followed log, over HTTP; `true` in an image of nothing but busybox. Jobs and',
    '`docker run` have the network of the engine, as nobody says otherwise, which costs a container that is made for one',
    'job and no warm one; `docker run` without it is beside them.',
    '',
    '| | p50 ms | p95 ms |',
    '| --- | --- | --- |',
    ...rows('cold: a container of its own', cold),
    ...rows('warm: a container that has run the image; server and runner have just been started', early),
    ...rows(
      `warm, when server and runner have run ${warmUp} jobs: what Node.js runs often it has compiled`,
      warm,
    ),
    '',
    `Target cold: at most 1.3 ×: ${verdict(most <= 1.3)}, ${most.toFixed(2)} ×. Target warm: at least 20 times faster:`,
    `${verdict(after.faster >= 20)}, ${after.text} after ${warmUp} jobs, ${before.text} before them.`,
  ].join('\n')
}

async function throughput(): Promise<string> {
  console.error('Jobs a second …')
  await set({ capacity: 8 })
  const count = 200
  const run = () => Promise.all(Array.from({ length: count }, () => job(['true'])))
  await run()
  const rates = []
  for (let round = 0; round < 3; round++) rates.push((count * 1000) / (await timed(run)))
  return [
    '## Many jobs',
    '',
    `${count} at once through one runner with capacity 8, warm: ${median(rates).toFixed(0)} jobs a second.`,
  ].join('\n')
}

async function output(): Promise<string> {
  console.error('100 MB of log …')
  const print = ['sh', '-c', 'yes a line of output such as a job prints while it works | head -c 100000000']
  let bytes = 0
  const [ours, other] = await inTurn(
    3,
    async () => {
      bytes = await job(print)
    },
    () => {
      docker('run', '--name', 'much', 'box', ...print)
      docker('logs', 'much')
      docker('rm', 'much')
    },
  )
  if (bytes !== 100_000_000) throw new Error(`${bytes} bytes came`)
  return [
    '## 100 MB of log',
    '',
    'Followed to its end, against `docker run` and then `docker logs`.',
    '',
    `${(median(ours!) / 1000).toFixed(1)} s against ${(median(other!) / 1000).toFixed(1)} s. Target: at most 2 ×: ${verdict(ratio(ours, other) <= 2)}, ${ratio(ours, other).toFixed(2)} ×.`,
  ].join('\n')
}

const megabytes = (pid: number) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024

try {
  start('server')
  await until(async () => (await fetch(`${url}/health`)).ok || undefined)
  token = readFileSync(join(folder, 'state/server/admin.token'), 'utf8').trim()
  jobs = new FollowedJobs(url, token)
  const runner = start('attach')
  await until(async () => {
    const { items } = (await (await call('GET', '/v1/runners')).json()) as { items: { state: string }[] }
    return items[0]?.state === 'ready' || undefined
  })
  await job(['true'])
  const idle = megabytes(runner.pid!)
  const memory = `## Memory of an attached runner\n\nIdle, after one job: ${idle.toFixed(0)} MB. Target: at most 80 MB: ${verdict(idle <= 80)}.`
  replacePart(
    'jobs',
    `# Jobs in containers\n\n${[await single(), await throughput(), await output(), memory].join('\n\n')}\n`,
  )
} finally {
  jobs?.close()
  for (const child of children.reverse()) {
    child.kill()
    await child
  }
  rmSync(folder, { recursive: true, force: true })
}
