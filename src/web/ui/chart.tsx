/* A chart over time. Its library is loaded when the first chart is shown. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { ChartData, Drawn } from './chart-canvas.ts'

/** A chart; `label` says in a sentence what it shows, for who does not see it. */
export function Chart({ label, data }: { label: string; data: ChartData }) {
  const place = useRef<HTMLDivElement>(null)
  const keys = useRef<HTMLUListElement>(null)
  const drawn = useRef<Drawn | undefined>(undefined)
  const [why, setWhy] = useState<string>()
  const latest = useRef(data)
  latest.current = data
  useEffect(() => {
    let isOver = false
    import('./chart-canvas.ts').then(
      ({ draw }) => {
        if (!isOver && place.current !== null && keys.current !== null)
          drawn.current = draw(place.current, keys.current, () => latest.current)
      },
      () => setWhy('The chart cannot be loaded. Load the page again.'),
    )
    return () => {
      isOver = true
      drawn.current?.end()
    }
  }, [])
  useEffect(() => drawn.current?.redraw(), [data])
  return (
    <figure class="chart">
      <div ref={place} class="canvas" role="img" aria-label={label}>
        {why}
      </div>
      <ul ref={keys} class="keys">
        {data.series.map(({ label, kind, points }) => (
          <li key={label} class={`${kind} ${points ? 'points' : ''}`}>
            {label}
          </li>
        ))}
      </ul>
    </figure>
  )
}
