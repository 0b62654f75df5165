import { useEffect, useState } from 'preact/hooks'

/** The time in ms; every second another one while something runs and somebody looks at the tab. */
export function useNow(isRunning: boolean): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    setNow(Date.now())
    if (!isRunning) return
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now())
    }, 1000)
    return () => clearInterval(timer)
  }, [isRunning])
  return now
}
