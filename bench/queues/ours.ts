/* Load on a server: `ours.ts cycles|logs|latency|idle URL TOKENS COUNT RUNNERS`; prints one JSON object. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Server } from './runners.ts'

const [what, url, tokens, countText, runnersText] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
]
const [count, runners] = [Number(countText), Number(runnersText)]
const token = (name: string) => readFileSync(join(tokens, name), 'utf8').trim()
const server = new Server(url, token('admin.token'))
const registration = token('registration.token')
const job = { image: 'none', command: ['true'] }

const attached = []
for (let index = 0; index < runners; index += 20) {
  const some = Math.min(20, runners - index)
  attached.push(...(await Promise.all(Array.from({ length: some }, () => server.attach(registration)))))
}

/** 60 KB in lines, as a job writes them. */
const log = what === 'logs' ? `${'0123456789'.repeat(6).slice(1)}\n`.repeat(1000) : ''

if (what === 'cycles' || what === 'logs') {
  for (let index = 0; index < count; index += 50)
    await Promise.all(
      Array.from({ length: Math.min(50, count - index) }, () => server.admin('POST', '/v1/executions', job)),
    )
  const start = performance.now()
  let done = 0
  await Promise.all(
    attached.map(async runner => {
      while (done < count) {
        const executions = await server.reserve(runner, 0)
        if (executions.length === 0) return
        for (const execution of executions) await server.finish(runner, execution, log)
        done += executions.length
      }
    }),
  )
  if (done !== count) throw new Error(`${done} of ${count} are done`)
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000 }))
} else if (what === 'latency') {
  let arrived: ((time: number) => void) | undefined
  let ended = false
  const loops = attached.map(async runner => {
    while (!ended) {
      for (const execution of await server.reserve(runner, 50)) {
        arrived?.(performance.now())
        await server.finish(runner, execution)
      }
    }
  })
  void Promise.allSettled(loops)
  const times: number[] = []
  for (let index = 0; index < count + 20; index++) {
    const arrival = new Promise<number>(resolve => {
      arrived = resolve
    })
    const start = performance.now()
    await server.submit(job)
    const time = (await arrival) - start
    // The first ones warm up.
    if (index >= 20) times.push(time)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  ended = true
  console.log(JSON.stringify({ times }))
} else {
  const channels = []
  for (const runner of attached) {
    channels.push(await server.channel(runner))
    void server.reserve(runner, 50).catch(() => {})
  }
  // Said once all of them wait; the one who measures ends this process.
  await server.admin('GET', '/v1/busy')
  console.log(JSON.stringify({ attached: channels.length }))
  process.stdin.resume()
  await new Promise(resolve => process.stdin.once('end', resolve))
  for (const channel of channels) channel.close()
}
await server.close()
process.exit(0)
