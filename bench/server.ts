/*
 * Measures the server: jobs handed over a second beside two queues on the same PostgreSQL, the way from submit to
 * a runner, memory for each idle runner, start-up, and outages of PostgreSQL. Contenders of a table run in turn, round
 * after round; writes its part of docs/benchmarks.md. Needs PostgreSQL 15 and root or the user postgres, and the two
 * queues, which `npm ci --prefix bench` installs. Build first: npm run build.
 */
import { once } from 'node:events'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { execa, execaSync } from 'execa'
import { median, percentile, replacePart } from './figures.ts'
import { freePort } from './port.ts'
import { environment, type Running, residentKilobytes, runServer } from './running-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'runner-bench-'))
const node = process.execPath
const programs = resolve('bench')
const bin = '/usr/lib/postgresql/15/bin'

// ── PostgreSQL ──────────────────────────────────────────────────────────────────────────────────────────────────

const postgresDir = join(folder, 'postgres')
const postgresPort = await freePort()
let databases = 0

function asPostgres(...command: string[]): void {
  const [program, args] =
    process.getuid?.() === 0
      ? ['setpriv', ['--reuid=postgres', '--regid=postgres', '--init-groups', '--', ...command]]
      : [command[0]!, command.slice(1)]
  execaSync(program!, args as string[], { stdio: ['ignore', 'ignore', 'pipe'], cwd: folder })
}

function startPostgres(): void {
  chmodSync(folder, 0o755)
  mkdirSync(postgresDir)
  const id = (flag: string) => Number(execaSync('id', [flag, 'postgres']).stdout)
  if (process.getuid?.() === 0) chownSync(postgresDir, id('-u'), id('-g'))
  asPostgres(join(bin, 'initdb'), '-D', join(postgresDir, 'data'), '-A', 'trust', '-U', 'postgres')
  runPostgres()
}

function runPostgres(): void {
  const options = `-p ${postgresPort} -c listen_addresses=127.0.0.1 -c max_connections=200 -k ${postgresDir}`
  asPostgres(
    join(bin, 'pg_ctl'),
    '-w',
    '-D',
    join(postgresDir, 'data'),
    '-l',
    join(postgresDir, 'log'),
    '-o',
    options,
    'start',
  )
}

/** An empty database of its own for each sample. */
function database(): string {
  const name = `bench${++databases}`
  asPostgres(join(bin, 'createdb'), '-h', '127.0.0.1', '-p', String(postgresPort), '-U', 'postgres', name)
  return `postgres://postgres@127.0.0.1:${postgresPort}/${name}`
}

// ── the server ──────────────────────────────────────────────────────────────────────────────────────────────────

let servers = 0

function startServer(engine: 'sqlite' | 'postgres'): Promise<Running> {
  const dir = join(folder, `server${++servers}`)
  mkdirSync(dir)
  return runServer(dir, engine === 'sqlite' ? `sqlite:${join(dir, 'server.db')}` : database())
}

const load = (script: string, ...args: string[]) =>
  execa(node, [join(programs, script), ...args], {
    env: environment,
    extendEnv: false,
    stdio: ['pipe', 'pipe', 'inherit'],
  })

/** The figures that a load prints. */
async function outcome(child: ReturnType<typeof load>): Promise<{ seconds: number; times: number[] }> {
  return JSON.parse((await child).stdout)
}

// ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** Of each contender; more where a target hangs on some per cent. */
const [few, many] = [3, 7]
type Contender = [name: string, sample: () => Promise<number[]>]

const ours = (engine: 'sqlite' | 'postgres', what: string, count: number, runners: number) => async () => {
  const server = await startServer(engine)
  try {
    return figuresOf(
      await outcome(load('queues/ours.ts', what, server.url, server.tokens, String(count), String(runners))),
      count,
    )
  } finally {
    await server.stop()
  }
}
const other = (script: string, what: string, count: number, workers: number) => async () =>
  figuresOf(await outcome(load(script, what, database(), String(count), String(workers))), count)

const figuresOf = ({ seconds, times }: { seconds: number; times: number[] }, count: number) =>
  times ?? [count / seconds]

async function measure(contenders: readonly Contender[], rounds = few): Promise<number[][]> {
  const all = contenders.map(() => [] as number[])
  for (let round = 0; round < rounds; round++)
    for (const [index, [name, sample]] of contenders.entries()) {
      console.error(`  ${round + 1}/${rounds} ${name}`)
      all[index]!.push(...(await sample()))
    }
  return all
}

async function cycles(): Promise<string> {
  const tables: string[] = []
  for (const [runners, count] of [
    [1, 1000],
    [10, 3000],
    [100, 12_000],
  ] as const) {
    console.error(`Hand-overs with ${runners} …`)
    const contenders: Contender[] = [
      ['`runner server`, PostgreSQL', ours('postgres', 'cycles', count, runners)],
      ['`runner server`, SQLite', ours('sqlite', 'cycles', count, runners)],
      ['graphile-worker', other('contenders/graphile.ts', 'cycles', count, runners)],
      ['pg-boss', other('contenders/boss.ts', 'cycles', count, runners)],
    ]
    const figures = await measure(contenders, runners === 100 ? many : few)
    const ratio = (index: number) =>
      median(figures[0]!.map((value, round) => value / figures[index]![round]!))
    const rows = contenders.map(
      ([name], index) =>
        `| ${name} | ${Math.round(median(figures[index]!))} | ${index === 0 ? '' : `${ratio(index).toFixed(2)} ×`} |`,
    )
    tables.push(
      [
        `| with ${runners} | jobs a second | runner on PostgreSQL against it |`,
        '| --- | --- | --- |',
        ...rows,
      ].join('\n'),
    )
    if (runners === 100) {
      const reached = ratio(2) > 1 && ratio(3) > 1 ? 'reached' : 'missed'
      tables.push(`Target with 100: ahead of both: **${reached}**.`)
    }
  }
  return [
    '## Hand-overs a second',
    '',
    'Reserve, confirm, result: three calls over HTTP, of which confirm and result are on disk before they are answered (a',
    'reservation that is lost was never confirmed), by so many runners at once, each with one slot. graphile-worker and',
    'pg-boss fetch and complete in one process each, with that concurrency and without HTTP; each fetch and each completion',
    'is on disk as well. The same PostgreSQL, its settings as they come; a database of its own for each sample.',
    '',
    tables.join('\n\n'),
  ].join('\n')
}

async function logs(): Promise<string> {
  console.error('Jobs with a log …')
  const rows: string[] = []
  for (const engine of ['sqlite', 'postgres'] as const) {
    const [bare, logged] = (await measure([
      ['without a log', ours(engine, 'cycles', 3000, 100)],
      ['with 60 KB', ours(engine, 'logs', 3000, 100)],
    ])) as [number[], number[]]
    const ratio = median(logged.map((value, round) => value / bare[round]!))
    rows.push(`| ${engine} | ${ratio.toFixed(2)} × |`)
  }
  return [
    '## Jobs with 60 KB of log',
    '',
    'Hand-overs with 100 runners as above, a second, against those without a log.',
    '',
    '| store | with a log against without |',
    '| --- | --- |',
    ...rows,
  ].join('\n')
}

async function latency(): Promise<string> {
  console.error('From submit to a runner …')
  const contenders: Contender[] = [
    ['`runner server`, PostgreSQL', ours('postgres', 'latency', 200, 10)],
    ['`runner server`, SQLite', ours('sqlite', 'latency', 200, 10)],
    ['graphile-worker', other('contenders/graphile.ts', 'latency', 200, 10)],
  ]
  const figures = await measure(contenders)
  const rows = contenders.map(
    ([name], index) =>
      `| ${name} | ${percentile(figures[index]!, 50).toFixed(2)} | ${percentile(figures[index]!, 99).toFixed(2)} |`,
  )
  const reached = percentile(figures[0]!, 50) < percentile(figures[2]!, 50) ? 'reached' : 'missed'
  return [
    '## From submit to a waiting runner',
    '',
    'Ten wait; one job at a time; from the start of the submit to the arrival of the job.',
    '',
    '| | p50 ms | p99 ms |',
    '| --- | --- | --- |',
    ...rows,
    '',
    `Target: p50 ahead of graphile-worker: **${reached}**.`,
  ].join('\n')
}

async function memory(): Promise<string> {
  console.error('Memory …')
  const runners = 5000
  const server = await startServer('sqlite')
  try {
    const before = residentKilobytes(server.pid)
    const child = load('queues/ours.ts', 'idle', server.url, server.tokens, '0', String(runners))
    await once(child.stdout, 'data')
    const each = (residentKilobytes(server.pid) - before) / runners
    child.stdin.end()
    await child
    return [
      '## Memory of the server',
      '',
      `| | |\n| --- | --- |\n| just started | ${(before / 1024).toFixed(0)} MB |`,
      `| for each of ${runners} idle runners, with command channel and long-poll | ${each.toFixed(1)} KB |`,
      '',
      `Target: at most 40 KB: **${each <= 40 ? 'reached' : 'missed'}**.`,
    ].join('\n')
  } finally {
    await server.stop()
  }
}

async function startUp(): Promise<string> {
  console.error('Start-up …')
  const rows: string[] = []
  for (const engine of ['sqlite', 'postgres'] as const) {
    const times: number[] = []
    for (let round = 0; round < 7; round++) {
      const server = await startServer(engine)
      times.push(server.startUp)
      await server.stop()
    }
    rows.push(`| ${engine} | ${median(times).toFixed(0)} |`)
  }
  return [
    '## Start-up of the server',
    '',
    'The first start, which makes store and tokens, to the first answer of `/health`.',
    '',
    '| store | ms |',
    '| --- | --- |',
    ...rows,
  ].join('\n')
}

/** Measures the time from the return of PostgreSQL until a server on it answers again. */
async function outages(): Promise<string> {
  console.error('Outages of PostgreSQL …')
  const server = await startServer('postgres')
  const token = readFileSync(join(server.tokens, 'admin.token'), 'utf8').trim()
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const submit = () =>
    fetch(`${server.url}/v1/executions`, { method: 'POST', headers, body: '{"image":"none"}' }).then(
      answer => answer.ok,
      () => false,
    )
  const data = join(postgresDir, 'data')
  const stops: Record<string, () => void> = {
    'stopped at once (`pg_ctl -m immediate stop`)': () =>
      asPostgres(join(bin, 'pg_ctl'), '-w', '-m', 'immediate', '-D', data, 'stop'),
    'restarted (`pg_ctl -m fast stop`)': () =>
      asPostgres(join(bin, 'pg_ctl'), '-w', '-m', 'fast', '-D', data, 'stop'),
  }
  const rows: string[] = []
  let worst = 0
  try {
    for (const [name, end] of Object.entries(stops)) {
      const times: number[] = []
      for (let round = 0; round < 10; round++) {
        end()
        // It is asked all the time.
        while (await submit());
        runPostgres()
        const start = performance.now()
        while (!(await submit()));
        times.push(performance.now() - start)
      }
      worst = Math.max(worst, ...times)
      rows.push(`| ${name} | ${median(times).toFixed(0)} | ${Math.max(...times).toFixed(0)} |`)
    }
  } finally {
    await server.stop()
  }
  return [
    '## PostgreSQL gone and back',
    '',
    'From when PostgreSQL lets connect again to the first submit that is taken, 10 times each, while one client asks all the time.',
    '',
    '| PostgreSQL is | median ms | longest ms |',
    '| --- | --- | --- |',
    ...rows,
    '',
    `Target: at most 5 s: **${worst <= 5000 ? 'reached' : 'missed'}**.`,
  ].join('\n')
}

try {
  startPostgres()
  const parts = [
    await cycles(),
    await logs(),
    await latency(),
    await memory(),
    await startUp(),
    await outages(),
  ]
  replacePart('server', `# The server\n\n${parts.join('\n\n')}\n`)
} finally {
  asPostgres(join(bin, 'pg_ctl'), '-m', 'immediate', '-D', join(postgresDir, 'data'), 'stop')
  rmSync(folder, { recursive: true, force: true })
}
