/*
 * Measures jobs of a plugin that can stay for further jobs: in a container of its own, in a warm container, and in the process
 * that stays, against docker run of the same image on the same engine; and many jobs of the process that stays in a row.
 * Writes its part of docs/benchmarks.md. Needs root and a Docker engine. The plugin is that of the tests, in JavaScript; with
 * RUNNER_TEST_SDK and RUNNER_TEST_SDK_GO also those that are made with the SDKs of Python and Go (CONTRIBUTING.md).
 * RUNNER_BENCH_ROUNDS says how many jobs each one has, and RUNNER_BENCH_ROW how many are in a row. Build first: npm run build.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import type { Execution } from '../src/protocol/messages/executions.ts'
import { seal } from '../src/protocol/seal.ts'
import { Engine } from '../test/support/engine.ts'
import { stayingPluginImage } from '../test/support/images.ts'
import { goSdkImage, goSdkProgram, sdkImage, sdkSources } from '../test/support/sdk-image.ts'
import { faultOf, inputOf } from '../test/support/staying-jobs.ts'
import { median, percentile, replacePart } from './figures.ts'
import { FollowedJobs } from './followed-jobs.ts'
import { environment, type Running, runServer } from './running-server.ts'

const rounds = Number(process.env.RUNNER_BENCH_ROUNDS || 40)
const row = Number(process.env.RUNNER_BENCH_ROW || 200)
/** So many of them follow each other, and then as many commands. */
const inTurn = 20
/** The runners: one that takes a container for each job, one that starts each plugin, one whose plugins stay. */
const runners = { cold: 'reuse = never', warm: 'sdk_daemon = no', stays: 'sdk_daemon = auto' }
type Kind = keyof typeof runners

const folder = mkdtempSync(join(tmpdir(), 'runner-bench-'))
await using engine = await Engine.start('--live-restore')

/** Starts a runner that takes the jobs which ask for its name. */
function attach(kind: Kind, { url, tokens }: Running) {
  const work = join(engine.directory, `work-${kind}`)
  mkdirSync(work)
  const config = join(folder, `${kind}.cfg`)
  const keys = [
    `[runner]\nstate_dir = ${kind}\n[remote]\nurl = ${url}`,
    `token_file = ${join(tokens, 'registration.token')}`,
    `name = ${kind}\ncapabilities = ${kind}\nwork_dir = ${work}\nhealth_listen = 127.0.0.1:0`,
    `[executor]\ndocker_host = unix://${engine.socket}\npull = never\nnetwork = none\n${runners[kind]}`,
  ]
  writeFileSync(config, `${keys.join('\n')}\n`)
  return execa(resolve('bin/runner'), ['attach', '-c', config], {
    env: environment,
    extendEnv: false,
    stdio: 'ignore',
    forceKillAfterDelay: false,
    reject: false,
  })
}

/** Milliseconds of each job, by what has run it. */
type Times = Record<Kind | 'command' | 'docker', number[]>

class Bench {
  readonly #server: Running
  readonly #token: string
  readonly #jobs: FollowedJobs
  #count = 0

  constructor(server: Running) {
    this.#server = server
    this.#token = readFileSync(join(server.tokens, 'admin.token'), 'utf8').trim()
    this.#jobs = new FollowedJobs(server.url, this.#token)
  }

  close(): void {
    this.#jobs.close()
  }

  async #get(path: string): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#token}` }
    return fetch(`${this.#server.url}${path}`, { headers })
  }

  /** Waits until all runners take work. */
  async ready(): Promise<void> {
    for (;;) {
      const { items } = (await (await this.#get('/v1/runners')).json()) as { items: { state: string }[] }
      if (items.filter(({ state }) => state === 'ready').length === Object.keys(runners).length) return
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }

  /** Runs a job of the plugin, and looks at all that it has left; how long it took, in ms. */
  async #plugin(image: string, kind: Kind): Promise<number> {
    const asked = { name: `job-${this.#count++}` }
    const start = performance.now()
    const { id } = await this.#jobs.run({ image, capabilities: [kind], input: inputOf(asked) })
    const took = performance.now() - start
    const ended = (await (await this.#get(`/v1/executions/${id}`)).json()) as Execution
    const log = await (await this.#get(`/v1/executions/${id}/log`)).text()
    const fault = faultOf(asked, ended.output_properties ?? {}, log)
    if (fault !== undefined) throw new Error(`the job ${asked.name} on ${kind}: ${fault}`)
    return took
  }

  /** Runs `true` in a warm container of the image; that of busybox, which is in each one. */
  async #command(image: string): Promise<number> {
    const start = performance.now()
    await this.#jobs.run({ image, capabilities: ['warm'], command: ['/.runner/control/busybox', 'true'] })
    return performance.now() - start
  }

  /**
   * Jobs of the plugin that stays, and as many commands, in turn: some jobs in a row, then some commands in a row. So each
   * waits for the look at the files of its container after the one before it; the first of each row, which waits for none,
   * does not count.
   */
  async row(image: string): Promise<Pick<Times, 'stays' | 'command'>> {
    const times: Pick<Times, 'stays' | 'command'> = { stays: [], command: [] }
    for (let turn = 0; turn < row / inTurn; turn++)
      for (const way of ['stays', 'command'] as const)
        for (let job = 0; job <= inTurn; job++) {
          const took = way === 'stays' ? await this.#plugin(image, way) : await this.#command(image)
          if (job > 0) times[way].push(took)
        }
    return times
  }

  async #docker(image: string): Promise<number> {
    const asked = { name: `job-${this.#count++}` }
    const files = join(engine.directory, asked.name)
    mkdirSync(files)
    chmodSync(files, 0o777)
    const key = randomBytes(32)
    writeFileSync(join(files, 'input'), seal(JSON.stringify(inputOf(asked)), key))
    const env = [
      `INPUT_LOCATION=/x/input`,
      'OUTPUT_LOCATION=/x/output',
      `SESSION_KEY=${key.toString('base64')}`,
    ]
    const words = [
      'run',
      '--rm',
      '--network',
      'none',
      '-v',
      `${files}:/x`,
      ...env.flatMap(one => ['-e', one]),
    ]
    const start = performance.now()
    await engine.docker(...words, image)
    const took = performance.now() - start
    readFileSync(join(files, 'output'))
    rmSync(files, { recursive: true })
    return took
  }

  /** All in turn, round after round; the first round warms up. */
  async run(image: string): Promise<Times> {
    const times: Times = { cold: [], warm: [], stays: [], command: [], docker: [] }
    const ways = Object.keys(times) as (keyof Times)[]
    for (let round = 0; round <= rounds; round++)
      for (const way of ways) {
        const took =
          way === 'docker'
            ? await this.#docker(image)
            : way === 'command'
              ? await this.#command(image)
              : await this.#plugin(image, way)
        if (round > 0) times[way].push(took)
      }
    return times
  }
}

const names: Record<keyof Times, string> = {
  cold: 'a container of its own',
  warm: 'a warm container, `sdk_daemon = no`',
  stays: 'a warm container, the plugin stays',
  command: 'a warm container, the command `busybox true`',
  docker: '`docker run --rm --network none` of the plugin',
}

function table(title: string, times: Times, inRow: Pick<Times, 'stays' | 'command'>): string {
  const against = (way: keyof Times, other: keyof Times) =>
    median(times[way].map((time, round) => time / times[other][round]!)).toFixed(2)
  const rows = (Object.keys(names) as (keyof Times)[]).map(
    way =>
      `| ${names[way]} | ${percentile(times[way], 50).toFixed(0)} | ${percentile(times[way], 95).toFixed(0)} | ${against(way, 'docker')} × | ${against(way, 'command')} × |`,
  )
  const [stays, command] = [inRow.stays, inRow.command].map(each => percentile(each, 50))
  const more = stays! - command!
  return [
    `## ${title}`,
    '',
    '| | p50 ms | p95 ms | against `docker run` | against the command |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
    `${inRow.stays.length} jobs of the plugin that stays and as many commands, ${inTurn} in a row in turn, so that each waits for the ` +
      `look at the files after the one before it: p50 ${stays!.toFixed(0)} ms, ` +
      `p95 ${percentile(inRow.stays, 95).toFixed(0)} ms, and p50 ${command!.toFixed(0)} ms of the command. ` +
      `Target: at most 50 ms more than the command: **${more <= 50 ? 'reached' : 'missed'}**, ${more.toFixed(0)} ms.`,
  ].join('\n')
}

/** The facts of a plugin; its images are made when they are wanted. */
interface Plugin {
  title: string
  image: string
  make(): Promise<void>
}

const plugins: Plugin[] = [
  {
    title: 'A plugin in JavaScript, which imports next to nothing',
    image: 'javascript',
    make: () => stayingPluginImage(engine, 'javascript', 'USER 1001'),
  },
]
if (sdkSources !== '')
  plugins.push({
    title: 'A plugin made with the SDK of Python',
    image: 'python',
    make: () => sdkImage(engine, 'python'),
  })
else console.error('Left out without RUNNER_TEST_SDK: a plugin made with the SDK of Python.')
if (goSdkProgram !== '')
  plugins.push({
    title: 'A plugin made with the SDK of Go',
    image: 'go',
    make: () => goSdkImage(engine, 'go'),
  })
else console.error('Left out without RUNNER_TEST_SDK_GO: a plugin made with the SDK of Go.')

const server = await runServer(folder, `sqlite:${join(folder, 'server.db')}`)
const children = (Object.keys(runners) as Kind[]).map(kind => attach(kind, server))
const bench = new Bench(server)
try {
  await bench.ready()
  const parts: string[] = []
  for (const { title, image, make } of plugins) {
    await make()
    const times = await bench.run(image)
    parts.push(table(title, times, await bench.row(image)))
    console.error(parts.at(-1))
  }
  replacePart(
    'plugins',
    [
      '# Jobs of plugins',
      '',
      `From the submit to the end of the followed log, over HTTP; ${rounds} jobs each, all ways in turn, each output and log compared.`,
      'A ratio is the median of the ratios of the rounds.',
      '',
      `${parts.join('\n\n')}\n`,
    ].join('\n'),
  )
} finally {
  bench.close()
  for (const child of children) {
    child.kill()
    await child
  }
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}
