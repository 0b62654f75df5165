/* The same amount of durable work by pg-boss: `boss.ts cycles URL COUNT WORKERS`. */
import { PgBoss } from 'pg-boss'

const [, connectionString, countText, workersText] = process.argv.slice(2) as [string, string, string, string]
const [count, workers] = [Number(countText), Number(workersText)]
const boss = new PgBoss({
  connectionString,
  max: Math.min(workers + 4, 60),
  supervise: false,
  schedule: false,
})
boss.on('error', () => {})
await boss.start()
await boss.createQueue('job')
for (let index = 0; index < count; index += 1000)
  await boss.insert(
    'job',
    Array.from({ length: Math.min(1000, count - index) }, () => ({ data: {} })),
  )

const start = performance.now()
let done = 0
await Promise.all(
  Array.from({ length: workers }, async () => {
    while (done < count) {
      const jobs = await boss.fetch('job', { batchSize: 1 })
      if (jobs.length === 0) return
      for (const { id } of jobs) await boss.complete('job', id)
      done += jobs.length
    }
  }),
)
if (done !== count) throw new Error(`${done} of ${count} are done`)
console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000 }))
await boss.stop({ graceful: false })
process.exit(0)
