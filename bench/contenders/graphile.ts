/* The same amount of durable work by graphile-worker: `graphile.ts cycles|latency URL COUNT WORKERS`. */
import { Logger, makeWorkerUtils, run } from 'graphile-worker'

const [what, connectionString, countText, workersText] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
]
const [count, concurrency] = [Number(countText), Number(workersText)]
const logger = new Logger(() => () => {})
const utils = await makeWorkerUtils({ connectionString, logger })
await utils.migrate()

let ran: (() => void) | undefined
const start = async () =>
  run({
    connectionString,
    concurrency,
    maxPoolSize: Math.min(concurrency + 4, 60),
    noHandleSignals: true,
    logger,
    taskList: { job: async () => ran?.() },
  })

if (what === 'cycles') {
  for (let index = 0; index < count; index += 1000)
    await utils.addJobs(
      Array.from({ length: Math.min(1000, count - index) }, () => ({ identifier: 'job', payload: {} })),
    )
  let done = 0
  const begin = performance.now()
  const worker = await start()
  await new Promise<void>(resolve => {
    // Done is what its row says, not that its function was called.
    worker.events.on('job:complete', () => ++done === count && resolve())
  })
  console.log(JSON.stringify({ seconds: (performance.now() - begin) / 1000 }))
  await worker.stop()
} else {
  const worker = await start()
  const times: number[] = []
  for (let index = 0; index < count + 20; index++) {
    const arrival = new Promise<number>(resolve => {
      ran = () => resolve(performance.now())
    })
    const begin = performance.now()
    await utils.addJob('job', {})
    const time = (await arrival) - begin
    if (index >= 20) times.push(time)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  console.log(JSON.stringify({ times }))
  await worker.stop()
}
await utils.release()
process.exit(0)
