/* Things that happen while time passes or changes come, at a measured pace. */
import { useEffect, useState } from 'preact/hooks'
import { usePage } from '../context.ts'
import type { Topic } from './stream.ts'

/** The time in ms, again after each `pause` ms while somebody looks at the tab; undefined: it does not go on. */
export function useNow(pause: number | undefined): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const look = () => {
      if (!document.hidden) setNow(Date.now())
    }
    look()
    if (pause === undefined) return
    const timer = setInterval(look, pause)
    document.addEventListener('visibilitychange', look)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }, [pause])
  return now
}

/** Calls `refresh` for changes, but not more often than every `pause` ms: for answers that cost the server something. */
export function usePaced(topics: readonly Topic[], pause: number, refresh: () => void): void {
  const { changes } = usePage()
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const stop = changes.on(topics, () => {
      timer ??= setTimeout(() => {
        timer = undefined
        refresh()
      }, pause)
    })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [refresh])
}
