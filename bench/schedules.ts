/*
 * Measures what 100,000 schedules cost: to read them, to find their next times, and to decide what becomes of the times that
 * an outage has missed; beside croner, which says what the patterns mean. It writes its part of docs/benchmarks.md.
 */
import { Cron } from 'croner'
import { catchUp } from '../src/schedule/catch-up.ts'
import { compile, type Plan, type ScheduleRule } from '../src/schedule/schedule.ts'
import { ScheduleCache } from '../src/schedule/schedule-cache.ts'
import { replacePart } from './figures.ts'

const count = 100_000
const now = Date.UTC(2026, 9, 20)
const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Tokyo', 'Australia/Sydney']

/** Schedules as people have them: by the minute, the hour and the day, some with jitter, in five zones. */
const schedules = Array.from({ length: count }, (_, n): ScheduleRule => {
  const time_zone = zones[n % zones.length]!
  const crons = [
    '*/5 * * * *',
    'H * * * *',
    'H H * * *',
    '30 2 * * *',
    'H 9 * * 1-5',
    'H H H * *',
    '0 0 L * *',
  ]
  if (n % 10 === 9) return { every: { seconds: 60 * (1 + (n % 59)) } }
  return { cron: crons[n % crons.length]!, time_zone, ...(n % 3 === 0 && { jitter_seconds: 60 }) }
})

/** Microseconds of processor time, all threads together, that each of so many takes. */
function cost(times: number, work: () => void): string {
  const { user, system } = process.cpuUsage()
  work()
  const after = process.cpuUsage()
  return ((after.user - user + after.system - system) / times).toFixed(1)
}

const cache = new ScheduleCache()
const plans: Plan[] = []
const compileAll = () => {
  for (const [n, schedule] of schedules.entries()) {
    const plan = compile(schedule, `default/job-${n}`, cache)
    if (!plan.ok) throw new Error(plan.failure)
    plans[n] = plan.value
  }
}
const rows: [string, string][] = []
rows.push(['to read a schedule, the first time', cost(count, compileAll)])
rows.push(['to read it again', cost(count, compileAll)])
const positions = plans.map(() => now)
const nextOfAll = () => {
  for (const [n, plan] of plans.entries()) positions[n] = plan.next(positions[n]!)!.at
}
rows.push(['its next time', cost(count, nextOfAll)])
rows.push(['the times after that', cost(9 * count, () => Array.from({ length: 9 }, nextOfAll))])

const few = 1000
for (const options of [{ timezone: 'Europe/Berlin' }, { utcOffset: 0 }]) {
  const name = 'timezone' in options ? 'in Europe/Berlin' : 'at an offset'
  const crons: Cron[] = []
  const read = () => {
    for (let n = 0; n < few; n += 1) crons.push(new Cron(`${n % 60} 2 * * *`, { ...options, paused: true }))
  }
  rows.push([`croner ${name}: to read a pattern`, cost(few, read)])
  const next = () => {
    for (const cron of crons) cron.nextRun(new Date(now))
  }
  rows.push([`croner ${name}: the next time`, cost(few, next)])
}

for (const catch_up of ['none', 'last', 'all'] as const) {
  const plan = compile({ cron: '* * * * * *', catch_up }, 'default/clock', cache)
  if (!plan.ok) throw new Error(plan.failure)
  const work = () => catchUp(plan.value, [], Date.UTC(2025, 9, 20), now, now)
  rows.push([`a year of \`* * * * * *\` that was missed, catch_up ${catch_up}`, cost(1, work)])
}

const table = [
  '| what | microseconds |',
  '| --- | --- |',
  ...rows.map(([what, cost]) => `| ${what} | ${cost} |`),
]
const text = `# Schedules

${count} schedules in ${zones.length} time zones; processor time of all threads, with Node.js ${process.versions.node}.

${table.join('\n')}
`
console.log(text)
replacePart('schedules', text)
