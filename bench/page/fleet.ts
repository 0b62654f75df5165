/*
 * A fleet that works for a server: `fleet.ts URL TOKENS RUNNERS`. Each line of its input is how many jobs a second are
 * submitted from then on; it answers each with how many have ended since the last one.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Attached, type Reserved, Server } from '../queues/runners.ts'

const [url, tokens, runners] = process.argv.slice(2) as [string, string, string]
const token = (name: string) => readFileSync(join(tokens, name), 'utf8').trim()
const server = new Server(url, token('admin.token'))
const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

const names = Array.from({ length: 20 }, (_, n) => `report-${n}`)
const log = `${'0123456789'.repeat(6).slice(1)}\n`.repeat(20)
/** The duration of a job in ms, and the number of jobs of which one fails. */
const duration = 1500
const failsEach = 20
let done = 0

async function run(runner: Attached, execution: Reserved): Promise<void> {
  await server.confirm(runner, execution)
  await server.sendLog(runner, execution, 0, log)
  await sleep(duration)
  done++
  await server.result(runner, execution, done % failsEach === 0 ? 'failed' : 'succeeded', log)
}

async function work(runner: Attached): Promise<never> {
  for (;;) for (const execution of await server.reserve(runner, 30)) await run(runner, execution)
}

for (const [n, name] of names.entries())
  await server.admin('PUT', `/v1/jobs/${name}`, {
    image: 'none',
    command: ['true'],
    schedule: { cron: `${n} 2 1 1 *` },
  })
for (let n = 0; n < Number(runners); n++) {
  const runner = await server.attach(token('registration.token'))
  await server.channel(runner)
  setInterval(() => void server.heartbeat(runner), 20_000)
  void work(runner)
}

let ticks: ReturnType<typeof setInterval> | undefined
let submitted = 0
function submitEach(ms: number) {
  ticks = setInterval(() => {
    const job_name = names[submitted++ % names.length]
    void server.admin('POST', '/v1/executions', { image: 'none', command: ['true'], job_name })
  }, ms)
}

console.log('attached')
for await (const line of createInterface({ input: process.stdin })) {
  clearInterval(ticks)
  if (Number(line) > 0) submitEach(1000 / Number(line))
  console.log(String(done))
  done = 0
}
process.exit(0)
