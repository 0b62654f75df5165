/*
 * Measures the page: processor and memory of the server for 200 open pages, idle and under a busy fleet; from a change to
 * the screen beside a plain reader of `GET /v1/events`; and the memory of tabs. It writes its part of docs/benchmarks.md.
 * Needs Chromium. Build first: npm run build.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { createParser } from 'eventsource-parser'
import { execa } from 'execa'
import { percentile, replacePart } from './figures.ts'
import type { Pages } from './page/readers.ts'
import { type Tab, Tabs } from './page/tabs.ts'
import { type Attached, type Reserved, Server } from './queues/runners.ts'
import { environment, processorSeconds, residentKilobytes, runServer } from './running-server.ts'

const runners = 100
const jobsInSecond = 20
const pages = 200
/** Seconds of processor time that is measured, and before them. */
const [window, settling] = [15, 5]
const probes = 25

const folder = mkdtempSync(join(tmpdir(), 'runner-bench-'))
const started = await runServer(folder, `sqlite:${join(folder, 'server.db')}`)
const token = (name: string) => readFileSync(join(folder, name), 'utf8').trim()
const server = new Server(started.url, token('admin.token'))
const sleep = (seconds: number) => new Promise(resolve => setTimeout(resolve, 1000 * seconds))

/** A process that answers each line with a line. */
async function helper(script: string, ...args: string[]) {
  const child = execa(process.execPath, [resolve('bench/page', script), started.url, folder, ...args], {
    env: environment,
    extendEnv: false,
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
    buffer: false,
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  await lines.next()
  const ask = async (line: string): Promise<string> => {
    child.stdin.write(`${line}\n`)
    return (await lines.next()).value ?? ''
  }
  const stop = async () => {
    child.stdin.end()
    await child
  }
  return { ask, stop }
}

const fleet = await helper('fleet.ts', String(runners))
const readers = await helper('readers.ts')
const tabs = await Tabs.start(server, started.url)

// ── processor and memory of the server ──────────────────────────────────────────────────────────────────────────

interface Cost {
  /** Of one processor. */
  share: number
  kilobytes: number
  readsInSecond: number
  handOvers: number
  late: number
}

const kinds = [await tabs.callsOf('/'), await tabs.callsOf('/executions')]

const open = async (count: number, hidden = false): Promise<{ reads: number; late: number }> =>
  JSON.parse(await readers.ask(JSON.stringify({ count, kinds, hidden } satisfies Pages)))

async function costOf(jobs: number, count: number, hidden = false): Promise<Cost> {
  console.error(`  ${jobs} jobs a second, ${count} pages${hidden ? ' that nobody looks at' : ''} …`)
  await fleet.ask(String(jobs))
  await open(count, hidden)
  await sleep(settling)
  await open(count, hidden)
  await fleet.ask(String(jobs))
  const before = processorSeconds(started.pid)
  const began = performance.now()
  await sleep(window)
  const seconds = (performance.now() - began) / 1000
  const share = (processorSeconds(started.pid) - before) / seconds
  const { reads, late } = await open(count, hidden)
  const handOvers = Number(await fleet.ask(String(jobs))) / seconds
  const kilobytes = residentKilobytes(started.pid)
  const cost = { share, kilobytes, readsInSecond: reads / seconds, handOvers, late }
  console.error(`    ${JSON.stringify(cost)}`)
  return cost
}

async function costs(): Promise<string> {
  console.error('The server …')
  const none = await costOf(0, 0)
  const idle = await costOf(0, pages)
  const busy = await costOf(jobsInSecond, 0)
  const hidden = await costOf(jobsInSecond, pages, true)
  const open = await costOf(jobsInSecond, pages)
  const each = ({ share }: Cost, without: Cost) => (1000 * (share - without.share)) / pages
  const row = (name: string, cost: Cost, without?: Cost) =>
    [
      name,
      `${(100 * cost.share).toFixed(1)} %`,
      without === undefined ? '' : `${each(cost, without).toFixed(2)} ms`,
      without === undefined ? '' : (cost.readsInSecond / pages).toFixed(2),
      `${(cost.kilobytes / 1024).toFixed(0)} MB`,
      without === undefined ? '' : `${((cost.kilobytes - without.kilobytes) / pages).toFixed(0)} KB`,
    ].join(' | ')
  const ofOpen = each(open, busy)
  const ofHidden = each(hidden, busy)
  const against = ofHidden > 0 ? `${(ofOpen / ofHidden).toFixed(1)} ×` : 'the latter cost nothing that shows'
  return [
    '## What open pages cost the server',
    '',
    `${runners} runners; busy: ${jobsInSecond} jobs a second, each of which writes a log, takes 1.5 s and is four changes or`,
    `five. ${pages} pages, half of them the overview and half the list of executions, each a browser profile of its own with its`,
    'session and its event stream. They have no browser: a program runs the code by which the page follows events and reads',
    'again, and makes the calls that real Chromium was seen to make for these pages. Store: SQLite.',
    '',
    '| | processor of the server | for each page, in a second | reads of a page in a second | memory | for each page |',
    '| --- | --- | --- | --- | --- | --- |',
    `| ${row('idle fleet, no page', none)} |`,
    `| ${row(`idle fleet, ${pages} pages`, idle, none)} |`,
    `| ${row('busy fleet, no page', busy)} |`,
    `| ${row(`busy fleet, ${pages} pages that nobody looks at`, hidden, busy)} |`,
    `| ${row(`busy fleet, ${pages} pages`, open, busy)} |`,
    '',
    // Less than nothing is noise.
    `A page under the busy fleet against one that nobody looks at: ${against}. The server with`,
    `${pages} pages against the server without one, busy: ${(open.share / busy.share).toFixed(1)} ×; 95 % of the reads are answered within`,
    `${open.late.toFixed(0)} ms, and ${((100 * open.handOvers) / jobsInSecond).toFixed(0)} % of the jobs end as they come.`,
  ].join('\n')
}

// ── from a change to the screen ─────────────────────────────────────────────────────────────────────────────────

/** Those who wait for an event, by its execution and what it says. */
const awaited = new Map<string, (at: number) => void>()

async function readEvents(): Promise<void> {
  const answer = await fetch(`${started.url}/v1/events`, {
    headers: { authorization: `Bearer ${token('admin.token')}` },
  })
  const parser = createParser({
    onEvent: ({ data }) => {
      const { id, state, log_length } = JSON.parse(data)
      for (const key of [`${id} ${state}`, `${id} ${log_length}`]) {
        awaited.get(key)?.(Date.now())
        awaited.delete(key)
      }
    },
  })
  const decoder = new TextDecoder()
  for await (const bytes of answer.body!) parser.feed(decoder.decode(bytes, { stream: true }))
}

const heard = (key: string) => new Promise<number>(resolve => awaited.set(key, resolve))

/** Milliseconds from a change to each of those who see it. */
interface Ways {
  reader: number[]
  overview: number[]
  executions: number[]
  logReader: number[]
  log: number[]
}

interface Stage {
  overview: Tab
  executions: Tab
  log: Tab
  runner: Attached
  writer: Attached
  written: Reserved
}

const group = 'probes'
const job = { image: 'probe', command: ['true'], runner_group: group }

async function stage(): Promise<Stage> {
  const writer = await server.attach(token('registration.token'), group)
  await server.submit(job)
  const [written] = (await server.reserve(writer, 10)) as [Reserved]
  await server.confirm(writer, written)
  const runner = await server.attach(token('registration.token'), group)
  for (const attached of [writer, runner]) setInterval(() => void server.heartbeat(attached), 10_000).unref()
  const log = await tabs.open(`/executions/${written.execution_id}`)
  return {
    overview: await tabs.open('/'),
    executions: await tabs.open('/executions'),
    log,
    runner,
    writer,
    written,
  }
}

let logged = 0

/** One job that fails, and one line of a log, at random times. */
async function probe(
  { overview, executions, log, runner, writer, written }: Stage,
  ways: Ways,
): Promise<void> {
  await server.submit(job)
  const [execution] = (await server.reserve(runner, 10)) as [Reserved]
  await server.confirm(runner, execution)
  const { execution_id: id } = execution
  const isHeard = heard(`${id} failed`)
  const inOverview = await overview.watch(`section li:has(a[href="/executions/${id}"])`, 'failed')
  const inList = await executions.watch(`tr:has(a[href="/executions/${id}"])`, 'failed')
  await sleep(1 + Math.random())
  const failedAt = Date.now()
  await server.result(runner, execution, 'failed')
  ways.reader.push((await isHeard) - failedAt)
  ways.overview.push((await inOverview()) - failedAt)
  ways.executions.push((await inList()) - failedAt)

  const line = `line at ${logged}\n`
  const isLonger = heard(`${written.execution_id} ${logged + line.length}`)
  const inLog = await log.watch('.log .line', line.trim())
  await sleep(Math.random())
  const writtenAt = Date.now()
  await server.sendLog(writer, written, logged, line)
  logged += line.length
  ways.logReader.push((await isLonger) - writtenAt)
  ways.log.push((await inLog()) - writtenAt)
}

async function waysOf(stage: Stage, jobs: number, count: number): Promise<Ways> {
  console.error(`  ${jobs} jobs a second, ${count} pages beside the tabs …`)
  await fleet.ask(String(jobs))
  await open(count)
  await sleep(settling)
  const ways: Ways = { reader: [], overview: [], executions: [], logReader: [], log: [] }
  for (let n = 0; n < probes; n++) await probe(stage, ways)
  return ways
}

function wayRows(name: string, ways: Ways): { text: string[]; worst: number } {
  const figures = [
    ['overview', ways.overview, ways.reader],
    ['list of executions', ways.executions, ways.reader],
    ['log', ways.log, ways.logReader],
  ] as const
  let worst = 0
  const text = figures.map(([page, screen, reader]) => {
    const of = (percent: number) => {
      const [one, other] = [percentile(screen, percent), percentile(reader, percent)]
      worst = Math.max(worst, one / other)
      return `${other} | ${one} | ${(one / other).toFixed(2)} ×`
    }
    return `| ${name}: ${page} | ${of(50)} | ${of(95)} |`
  })
  return { text, worst }
}

async function ways(): Promise<string> {
  console.error('From a change to the screen …')
  void readEvents()
  const shown = await stage()
  const named = {
    overview: shown.overview,
    'list of executions': shown.executions,
    'execution with its log': shown.log,
  }
  const quiet = wayRows('idle fleet', await waysOf(shown, 0, 0))
  const before = await memories(named)
  const began = performance.now()
  const busy = wayRows('busy fleet', await waysOf(shown, jobsInSecond, 0))
  const full = wayRows(`busy fleet, ${pages} pages`, await waysOf(shown, jobsInSecond, pages))
  const minutes = ((performance.now() - began) / 60_000).toFixed(0)
  const after = await memories(named)
  const verdict = (worst: number) => `**${worst <= 2 ? 'reached' : 'missed'}**, at most ${worst.toFixed(2)} ×`
  return [
    '## From a change to the screen',
    '',
    `${probes} jobs that fail and as many lines of a log, at random times. From before the call that makes the change to when a plain`,
    'reader of `GET /v1/events` has its event, and to when the document of a tab of real Chromium has it; the three tabs share one',
    'profile, so one event stream.',
    '',
    '| | reader p50 ms | screen p50 ms | screen against reader | reader p95 ms | screen p95 ms | screen against reader |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...quiet.text,
    ...busy.text,
    ...full.text,
    '',
    `Target: at most 2 ×: idle ${verdict(quiet.worst)}; busy ${verdict(busy.worst)}; with ${pages} pages ${verdict(full.worst)}.`,
    '',
    '## Memory of a tab',
    '',
    `The tabs of the last table before and after ${minutes} minutes of the busy fleet. Of JavaScript: after a collection of garbage.`,
    '',
    '| | before MB | after MB |',
    '| --- | --- | --- |',
    ...Object.keys(before).map(
      name => `| ${name} | ${before[name]!.toFixed(1)} | ${after[name]!.toFixed(1)} |`,
    ),
  ].join('\n')
}

/** In MB. */
async function memories(named: Record<string, Tab>): Promise<Record<string, number>> {
  const all: Record<string, number> = {}
  for (const [name, tab] of Object.entries(named)) all[`JavaScript of the ${name}`] = await tab.heap()
  return { ...all, 'all processes of Chromium that show pages (Pss)': await tabs.resident() }
}

try {
  const parts = [await costs(), await ways()]
  const text = `# The page\n\n${parts.join('\n\n')}\n`
  console.log(text)
  replacePart('page', text)
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  await tabs.close()
  await Promise.all([fleet.stop(), readers.stop()])
  await started.stop()
  await server.close()
  rmSync(folder, { recursive: true, force: true })
}
process.exit()
