import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'

/** The heading of a part of the page, which is also the title of the tab; `children` stand at its right. */
export function Title({ text, children }: { text: string; children?: ComponentChildren }) {
  useEffect(() => {
    document.title = `${text} – runner`
  }, [text])
  return (
    <div class="title">
      <h1>{text}</h1>
      {children}
    </div>
  )
}
