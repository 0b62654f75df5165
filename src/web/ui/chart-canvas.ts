/* Draws charts with uPlot; in a file of its own, so that it is loaded only where there is a chart. */
import uPlot from 'uplot'
import { localTime } from '../texts.ts'

/** The content of a chart. */
interface Series {
  label: string
  /** The class of its key, which gives it its colour and its kind of line. */
  kind: string
  /** One for each time; null: none. */
  values: readonly (number | null)[]
  points?: boolean
}

export interface ChartData {
  /** Seconds since 1970. */
  times: readonly number[]
  series: readonly Series[]
  /** Makes the text of a value, such as `3 min`. */
  text: (value: number) => string
}

export interface Drawn {
  /** Draws the data as they are now. */
  redraw(): void
  end(): void
}

/** Draws into an element; the colours are those of the keys below it, which follow light and dark. */
export function draw(place: HTMLElement, keys: HTMLElement, data: () => ChartData): Drawn {
  let plot: uPlot | undefined
  const columns = () => {
    const { times, series } = data()
    return [[...times], ...series.map(({ values }) => [...values])] as uPlot.AlignedData
  }
  const make = () => {
    plot?.destroy()
    plot = new uPlot(optionsOf(place, keys, data()), columns(), place)
  }
  make()
  const sizes = new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height }))
  sizes.observe(place)
  const dark = matchMedia('(prefers-color-scheme: dark)')
  dark.addEventListener('change', make)
  return {
    redraw: () => plot?.setData(columns()),
    end() {
      sizes.disconnect()
      dark.removeEventListener('change', make)
      plot?.destroy()
    },
  }
}

const height = 180
const dashes: Record<string, number[]> = { dashed: [6, 4], dotted: [2, 3] }

function optionsOf(place: HTMLElement, keys: HTMLElement, { series, text }: ChartData): uPlot.Options {
  const { color, fontFamily } = getComputedStyle(keys)
  const line = getComputedStyle(place).borderTopColor
  const axis = {
    stroke: color,
    font: `12px ${fontFamily}`,
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
  }
  return {
    width: place.clientWidth,
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [
      { ...axis, values: hours, space: 70 },
      { ...axis, size: 70, values: (_, ticks) => ticks.map(text) },
    ],
    series: [
      {},
      ...series.map(({ points = false, kind }, index) => {
        const style = getComputedStyle(keys.children[index] ?? keys, '::before')
        const dash = dashes[style.borderTopStyle]
        return {
          stroke: style.borderTopColor,
          width: points ? 0 : 2,
          ...(dash === undefined ? {} : { dash }),
          points: points
            ? { show: true, size: 8, width: 2, fill: kind === 'bad' ? 'transparent' : style.borderTopColor }
            : { show: true, size: 5, filter: alone },
          ...(points ? { paths: () => null } : {}),
        }
      }),
    ],
  }
}

/** The points between two that are not there: no line leads to them. */
function alone({ data }: uPlot, series: number): number[] {
  const values = data[series] ?? []
  return [...values.keys()].filter(
    at => values[at] != null && values[at - 1] == null && values[at + 1] == null,
  )
}

/**
 * Local times as the rest of the page writes them, without `:00` at their ends, above the day where another
 * one begins.
 */
function hours(_: uPlot, ticks: number[]): string[] {
  const texts = ticks.map(tick => localTime(new Date(tick * 1000).toISOString()).split(' '))
  return texts.map(([day, time = ''], index) => {
    const clock = time.replace(/:00$/, '')
    return day === texts[index - 1]?.[0] ? clock : `${clock}\n${day}`
  })
}
