/* Lists of the API, which come in parts. */
import { useState } from 'preact/hooks'
import { type Live, useLive, usePage } from './context.ts'
import type { Topic } from './live/stream.ts'

export interface Part<T> {
  items: T[]
  next: string | null
}

export interface List<T> extends Live<readonly T[]> {
  keyOf: (item: T) => string | number
  /** Reads the next part; undefined: there is none. */
  more: (() => Promise<void>) | undefined
}

/**
 * A list by the path of its call, which has a query. Its first part is kept true; later ones are read when somebody
 * asks for them, and stay as they were read.
 */
export function useList<T>(path: string, keyOf: List<T>['keyOf'], topics: readonly Topic[]): List<T> {
  const { server, notices } = usePage()
  const { data, ...live } = useLive<Part<T>>(path, topics)
  const [later, setLater] = useState<{ path: string; parts: Part<T>[] }>({ path, parts: [] })
  const parts = later.path === path ? later.parts : []
  const next = parts.length === 0 ? data?.next : parts.at(-1)?.next
  // What has moved from the first part to a later one is in both for a while.
  const items = data === undefined ? undefined : [...data.items, ...parts.flatMap(part => part.items)]
  const unique = items && [...new Map(items.map(item => [keyOf(item), item])).values()]
  const readMore = async (after: string) => {
    try {
      const part = await server.get<Part<T>>(`${path}&after=${encodeURIComponent(after)}`)
      setLater({ path, parts: [...parts, part] })
    } catch (problem) {
      notices.failed(problem)
    }
  }
  const more = next === null || next === undefined ? undefined : () => readMore(next)
  return { ...live, data: unique, keyOf, more }
}
