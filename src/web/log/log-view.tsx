/* A log, of which only the visible part is in memory. */
import { type Signal, useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import { usePage } from '../context.ts'
import { sizeText } from '../texts.ts'
import { Button } from '../ui/form.tsx'
import { Problem } from '../ui/show.tsx'
import { LogLine } from './log-line.tsx'
import { download, rangesOf } from './read.ts'
import { SearchBar } from './search-bar.tsx'
import { timesOf } from './times.ts'
import { LogWindow } from './window.ts'

interface Props {
  id: string
  /** More may come. */
  isGrowing: boolean
  /** Bytes of the log, as far as the page knows; when it changes, the log has grown. */
  length: number
  /** The byte that the address names. */
  at: number | undefined
}

/** Between two looks at a log that grows, in ms. */
const lookEvery = 300
/** After a read that has failed, in ms. */
const retryAfter = 3000
/** So many pixels before an edge, the next lines are read. */
const margin = 1500

export function LogView({ id, isGrowing, length, at }: Props) {
  const { server, notices, changes } = usePage()
  const { route, path } = useLocation()
  const over = useMemo(() => new AbortController(), [])
  const read = useMemo(() => rangesOf(server, id, over.signal), [])
  const log = useMemo(() => new LogWindow(read), [])
  const times = useMemo(() => timesOf(server, id, over.signal), [])
  const box = useRef<HTMLElement>(null)
  const reading = useRef(false)
  /** When the log was looked at last, on the clock of `performance.now()`. */
  const looked = useRef(0)
  /** The timer that repeats a read that has failed. */
  const failed = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  /** The task to do after the present read. */
  const next = useRef<(() => Promise<unknown>) | undefined>(undefined)
  /** The line that must not move, and where it is; `end`: the last one is kept in sight. */
  const anchor = useRef<{ at: number; top: number } | 'end' | undefined>('end')
  const isFollowing = useSignal(at === undefined)
  const wraps = useSignal(true)
  const stamps = useSignal(false)
  const problem = useSignal<string | undefined>(undefined)
  const top = useSignal(0)
  const [, drawn] = useState(0)

  const hasStamps = stamps.value
  const tell = (error: unknown) => {
    problem.value = (error as Error).message
  }
  /** Reads, one at a time, and draws what has changed. */
  const work = async (task: () => Promise<unknown>, why: 'asked' | 'change' | 'edge') => {
    if (over.signal.aborted) return
    if (reading.current || (failed.current !== undefined && why !== 'asked')) {
      if (why === 'asked') next.current = task
      else if (why === 'change') next.current ??= task
      return
    }
    clearTimeout(failed.current)
    failed.current = undefined
    reading.current = true
    try {
      await task()
      problem.value = undefined
    } catch (error) {
      if (over.signal.aborted) return
      tell(error)
      failed.current = setTimeout(() => void work(task, 'asked'), retryAfter)
    } finally {
      reading.current = false
    }
    if (over.signal.aborted) return
    draw()
    const waiting = next.current
    if (waiting === undefined || failed.current !== undefined) return
    next.current = undefined
    void work(waiting, 'asked')
  }
  /** Draws all changes; the first visible line stays where it is. */
  const draw = () => {
    const { current } = box
    if (current !== null) anchor.current ??= isFollowing.value ? 'end' : firstSeen(current)
    drawn(count => count + 1)
  }
  const open = (place: number | 'end') =>
    work(async () => {
      await log.open(place)
      anchor.current = place === 'end' ? 'end' : { at: place, top: 60 }
      isFollowing.value = place === 'end'
    }, 'asked')

  useEffect(() => () => over.abort(), [])
  useEffect(() => {
    if (at === undefined || !log.lines.some(line => line.at <= at && at < line.end))
      return void open(at ?? 'end')
    // It is there, and perhaps not seen.
    const { current } = box
    const line = current === null ? undefined : lineAt(current, at)
    if (line === undefined || current === null) return
    const below = line.offsetTop - current.scrollTop
    if (below < 0 || below + line.offsetHeight > current.clientHeight) current.scrollTop += below - 60
  }, [at])

  useEffect(() => {
    const look = () => {
      timer = undefined
      if (document.hidden) return
      looked.current = performance.now()
      void work(async () => {
        if (isFollowing.value) while (await log.after());
        else await log.look()
        if (isFollowing.value) anchor.current = 'end'
      }, 'change')
    }
    let timer: ReturnType<typeof setTimeout> | undefined
    // An event of the server has led to a look already, where it came before the new length.
    if (log.length < length || !isGrowing) look()
    if (!isGrowing) return
    const unsubscribe = changes.on(['execution'], change => {
      if (change === undefined || change.id === id)
        timer ??= setTimeout(look, looked.current + lookEvery - performance.now())
    })
    document.addEventListener('visibilitychange', look)
    return () => {
      clearTimeout(timer)
      unsubscribe()
      document.removeEventListener('visibilitychange', look)
    }
  }, [isGrowing, length])

  useEffect(() => {
    if (!hasStamps) return draw()
    times.more().then(draw, error => over.signal.aborted || tell(error))
  }, [hasStamps, log.length])

  // The lines that somebody reads stay where they are, whatever is added before or after them.
  useLayoutEffect(() => {
    const { current } = box
    if (current === null) return
    if (anchor.current === 'end') current.scrollTop = current.scrollHeight
    else if (anchor.current !== undefined) {
      const line = lineAt(current, anchor.current.at)
      if (line !== undefined) current.scrollTop = line.offsetTop - anchor.current.top
    }
    anchor.current = undefined
    fill()
  })

  /** Reads on if the edge of the part in memory is near. */
  const fill = () => {
    const { current } = box
    if (current === null || log.lines.length === 0) return
    const below = current.scrollHeight - current.scrollTop - current.clientHeight
    if (current.scrollTop < margin && log.start > 0) void work(() => log.before(), 'edge')
    else if (below < margin && !log.isAtEnd) void work(() => log.after(), 'edge')
  }
  const onScroll = () => {
    const { current } = box
    if (current === null) return
    const below = current.scrollHeight - current.scrollTop - current.clientHeight
    isFollowing.value = below < 4 && log.isAtEnd
    top.value = firstSeen(current)?.at ?? 0
    fill()
  }

  const isWhole = log.start === 0 && log.isAtEnd
  return (
    <div class="log">
      <div class="tools">
        <SearchBar read={read} go={place => route(`${path}?at=${place}`, true)} />
        <Button does={() => open(0)}>Beginning</Button>
        <Button does={() => open('end')} aria-pressed={isFollowing.value}>
          {isGrowing ? 'Follow the end' : 'End'}
        </Button>
        <Switch text="Wrap lines" of={wraps} before={draw} />
        <Switch text="Times" of={stamps} before={draw} />
        <Button does={() => notices.of(download(server, id), 'The log is saved.')}>Download</Button>
        <span class="hint number">{sizeText(Math.max(log.length, length))}</span>
      </div>
      <Problem why={problem.value} />
      {hasStamps && times.isMissing && log.lines.length > 0 && (
        <p class="hint">
          The server kept no times of this log: its release was an earlier one when the log began.
        </p>
      )}
      {log.lines.length === 0 ? (
        <p class="hint">{isGrowing ? 'Nothing was written yet.' : 'Nothing was written.'}</p>
      ) : (
        <section
          class="lines"
          data-wraps={wraps.value}
          ref={box}
          onScroll={onScroll}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled with the keyboard
          tabIndex={0}
          aria-label="Lines of the log"
        >
          {log.lines.map(line => (
            <LogLine
              key={line.at}
              line={line}
              hasStamps={hasStamps}
              stamp={hasStamps ? times.of(line.at) : undefined}
              isMarked={at !== undefined && line.at <= at && at < line.end}
            />
          ))}
        </section>
      )}
      {!isWhole && log.lines.length > 0 && (
        <label class="position">
          Position in the log
          <input
            type="range"
            min={0}
            max={log.length}
            value={isFollowing.value ? log.length : top.value}
            aria-valuetext={`${Math.round((100 * top.value) / log.length)} %`}
            onChange={event => void open(Number(event.currentTarget.value))}
          />
        </label>
      )}
    </div>
  )
}

/** `before` is called before it changes. */
function Switch({ text, of, before }: { text: string; of: Signal<boolean>; before: () => void }) {
  const change = () => {
    before()
    of.value = !of.value
  }
  return (
    <label>
      <input type="checkbox" checked={of.value} onChange={change} /> {text}
    </label>
  )
}

/** The first line that is seen, and how far it is below the upper edge. */
function firstSeen(box: HTMLElement): { at: number; top: number } | undefined {
  const lines = box.children as HTMLCollectionOf<HTMLElement>
  let [low, high] = [0, lines.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (lines[middle]!.offsetTop + lines[middle]!.offsetHeight <= box.scrollTop) low = middle + 1
    else high = middle
  }
  const line = lines[low]
  return line === undefined ? undefined : { at: Number(line.dataset.at), top: line.offsetTop - box.scrollTop }
}

/** The line that has the byte, or is next to it. */
function lineAt(box: HTMLElement, at: number): HTMLElement | undefined {
  const lines = [...box.children] as HTMLElement[]
  return lines.findLast(line => Number(line.dataset.at) <= at) ?? lines[0]
}
