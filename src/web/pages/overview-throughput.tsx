/* The number of ended and of queued executions in the last 24 hours. */
import { useMemo } from 'preact/hooks'
import type { Stats } from '../../protocol/messages/stats.ts'
import { useLive } from '../context.ts'
import { durationText } from '../texts.ts'
import { Chart } from '../ui/chart.tsx'
import type { ChartData } from '../ui/chart-canvas.ts'
import { Loaded, Section } from '../ui/show.tsx'

/** Between two reads, in ms: the server counts once a minute. */
const pause = 60_000

export function Throughput() {
  const stats = useLive<Stats>('/v1/stats?step=1800', ['execution'], { pause })
  return (
    <Section title="The last 24 hours">
      <Loaded of={stats}>{data => <Shown stats={data} />}</Loaded>
    </Section>
  )
}

function Shown({ stats }: { stats: Stats }) {
  const { items } = stats
  const data = useMemo((): ChartData => chartOf(stats), [stats])
  const sum = (of: 'succeeded' | 'failed' | 'aborted' | 'lost') =>
    items.reduce((all, item) => all + item[of], 0)
  const depth = Math.max(0, ...items.map(({ queue_depth }) => queue_depth))
  const age = Math.max(0, ...items.map(({ queue_age_seconds }) => queue_age_seconds))
  const oldest = age === 0 ? '' : `, the oldest one for ${durationText(age)}`
  const text =
    `${sum('succeeded')} executions succeeded, ${sum('failed') + sum('lost')} failed or were lost, ` +
    `${sum('aborted')} were aborted. At most ${depth} were queued${oldest}.`
  return (
    <>
      <p>{text}</p>
      <Chart label={`Executions in each half hour. ${text}`} data={data} />
    </>
  )
}

function chartOf({ items }: Stats): ChartData {
  const line = (label: string, kind: string, countOf: (item: Stats['items'][number]) => number) => ({
    label,
    kind,
    // Where the server did not run nothing was counted.
    values: items.map(item => (item.watched_minutes === 0 ? null : countOf(item))),
  })
  return {
    times: items.map(({ at }) => Date.parse(at) / 1000),
    text: value => (Number.isInteger(value) ? String(value) : ''),
    series: [
      line('succeeded', 'good', ({ succeeded }) => succeeded),
      line('failed or lost (dashed)', 'bad', ({ failed, lost }) => failed + lost),
      line('queued at most (dotted)', 'waiting', ({ queue_depth }) => queue_depth),
    ],
  }
}
