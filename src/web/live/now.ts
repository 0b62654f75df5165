/* The time, for what the page shows of it; it goes on while somebody looks at the tab. */
import { computed, type ReadonlySignal, signal } from '@preact/signals'

const time = signal(Date.now())
const look = () => {
  if (!document.hidden) time.value = Date.now()
}
setInterval(look, 1000)
document.addEventListener('visibilitychange', look)

/** The time in ms, of this second: a component that reads it is drawn anew with it. */
export const now: ReadonlySignal<number> = time
/** The time in ms when this minute began. */
export const minute = computed(() => Math.floor(time.value / 60_000) * 60_000)
