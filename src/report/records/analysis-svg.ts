import { counted } from '../../system/counted.ts'
import { shown } from '../../system/printable.ts'
import { durationText } from '../describe.ts'
import { localTime } from '../local-time.ts'
import type { Analysis, TaskSpan, TaskTimes } from './analysis.ts'

/** Pixels. */
const width = 960
const labels = 200
const row = 24
const bar = 16
const head = 64
const margin = 16
/** Characters of a name: a longer one is cut. */
const longestName = 26
/** About so many times are on the axis. */
const ticks = 8

const ink = '#1c1c1c'
const pale = '#5b5b5b'
const usualColour = '#d08a1d'

/** The colour and the words of each kind of span. */
const kinds = {
  try: { colour: '#2f7d4f', words: 'try' },
  failed: { colour: '#b3402e', words: 'try that failed' },
  wait: { colour: '#c9c3b4', words: 'wait for another try' },
  hook: { colour: '#4a6fa5', words: 'hook or condition' },
} as const

/**
 * A picture of a run: a line for each task, along the time. The parts of the critical chain have frames, and
 * a mark says when the last try of a task would have ended if it had taken as long as usual.
 */
export function analysisSvg(analysis: Analysis): string {
  const { run_id, state, started_at, duration_seconds, tasks, critical_chain } = analysis
  const height = head + tasks.length * row + 2 * margin + row
  const length = Math.max(0.001, duration_seconds, ...tasks.map(({ to }) => to))
  const x = (seconds: number) => round(labels + (seconds / length) * (width - labels - margin))
  const y = (task: string) => head + tasks.findIndex(one => one.task === task) * row
  const title = `run ${run_id}, ${localTime(started_at)}: ${state}, ${durationText(duration_seconds)}`
  const font = 'font-family="sans-serif" font-size="12"'
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" ${font}>`,
    `<title>${text(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${margin}" y="24" font-size="15" font-weight="bold" fill="${ink}">${text(title)}</text>`,
    ...axis(length, x, height),
    ...tasks.flatMap(task => taskRow(task, y(task.task), x)),
    ...critical_chain.map(({ task, from, seconds }) => frame(x(from), x(from + seconds), y(task))),
    ...legend(height - margin),
    '</svg>',
    '',
  ].join('\n')
}

type Scale = (seconds: number) => number

function axis(length: number, x: Scale, height: number): string[] {
  const step = stepOf(length / ticks)
  const bottom = height - margin - row
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, index) => {
    const at = x(index * step)
    const place = `x="${at}" y="${head - 14}" text-anchor="${index === 0 ? 'start' : 'middle'}"`
    const line = `<line x1="${at}" y1="${head - 8}" x2="${at}" y2="${bottom}" stroke="#e4e0d6"/>`
    return `${line}\n<text ${place} fill="${pale}">${durationText(index * step)}</text>`
  })
}

/** The next of 1, 2 and 5, times a power of ten. */
function stepOf(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return [1, 2, 5].map(factor => factor * power).find(step => step >= least) ?? 10 * power
}

function taskRow(task: TaskTimes, y: number, x: Scale): string[] {
  const { usual_seconds } = task
  const name = shown(task.task)
  const label = name.length > longestName ? `${name.slice(0, longestName - 1)}…` : name
  const usual = usual_seconds === undefined ? '' : `; a try usually takes ${durationText(usual_seconds)}`
  const facts = `${name}: ${durationText(task.seconds)} in ${counted(task.tries, 'try', 'tries')}${usual}`
  const bars = task.spans.map(span => {
    const words = `${name}, ${wordsOf(span)} ${span.try_num}: ${durationText(span.to - span.from)}`
    // A moment is a line that can be seen.
    const long = Math.max(1, round(x(span.to) - x(span.from)))
    const place = `x="${x(span.from)}" y="${y}" width="${long}" height="${bar}"`
    return `<rect ${place} fill="${kindOf(span).colour}"><title>${text(words)}</title></rect>`
  })
  const last = task.spans.findLast(({ what }) => what === 'try')
  const place = `x="${margin}" y="${y + 12}"`
  return [
    `<text ${place} fill="${ink}">${text(label)}<title>${text(facts)}</title></text>`,
    ...bars,
    ...(last === undefined || usual_seconds === undefined ? [] : [mark(x(last.from + usual_seconds), y)]),
  ]
}

function frame(from: number, to: number, y: number): string {
  const place = `x="${round(from - 1.5)}" y="${y - 1.5}" width="${round(to - from + 3)}" height="${bar + 3}"`
  return `<rect ${place} fill="none" stroke="${ink}" stroke-width="1.5"/>`
}

function mark(x: number, y: number): string {
  const place = `x1="${x}" y1="${y - 4}" x2="${x}" y2="${y + bar + 4}"`
  return `<line ${place} stroke="${usualColour}" stroke-width="2"/>`
}

function kindOf({ what, outcome }: TaskSpan) {
  if (what === 'wait') return kinds.wait
  if (what !== 'try') return kinds.hook
  return outcome === 'OK' || outcome === 'REBOOT' || outcome === undefined ? kinds.try : kinds.failed
}

function wordsOf(span: TaskSpan): string {
  if (span.what === 'try') return `try${span.outcome === undefined ? '' : ` (${span.outcome})`}`
  if (span.what === 'wait') return 'wait before try'
  return span.what === 'condition' ? 'condition of try' : `${span.what} hook of try`
}

function legend(y: number): string[] {
  let at = margin
  const entry = (drawn: (at: number) => string, words: string) => {
    const part = `${drawn(at)}\n<text x="${at + 18}" y="${y}" fill="${pale}">${words}</text>`
    at = Math.round(at + 40 + words.length * 6.5)
    return part
  }
  const square = (colour: string) => (at: number) =>
    `<rect x="${at}" y="${y - 10}" width="12" height="12" fill="${colour}"/>`
  return [
    ...Object.values(kinds).map(({ colour, words }) => entry(square(colour), words)),
    entry(at => frame(at + 1, at + 11, y - 14), 'critical chain'),
    entry(at => mark(at + 6, y - 12), 'end if it took as long as usual'),
  ]
}

const round = (pixels: number): number => Math.round(pixels * 10) / 10

/** A text that XML does not take for its own. */
function text(value: string): string {
  return shown(value).replace(/[&<>"]/g, character => `&#${character.charCodeAt(0)};`)
}
