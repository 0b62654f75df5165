/* The frame around each part of the page: menu, connection, messages. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import { usePage } from '../context.ts'
import type { Notices } from '../notices.ts'
import { isShownTo, menu } from '../routes.tsx'
import { localTime } from '../texts.ts'
import { Button } from './form.tsx'

export function Shell({ children }: { children: ComponentChildren }) {
  const { path } = useLocation()
  const { notices, session, signOut } = usePage()
  const main = useRef<HTMLElement>(null)
  const first = useRef(true)
  // A screen reader hears where it is after a change of the part; the first part keeps the focus where it is.
  useEffect(() => {
    if (first.current) first.current = false
    else main.current?.focus()
  }, [path])
  return (
    <div class="shell">
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <header class="bar">
        <a class="brand" href="/">
          runner
        </a>
        <nav aria-label="Parts of the page">
          {menu
            .filter(part => isShownTo(session, part))
            .map(({ path: place, title }) => (
              <a key={place} href={place} aria-current={isWithin(path, place) ? 'page' : undefined}>
                {title}
              </a>
            ))}
        </nav>
        <div class="who">
          <span title={`Signed in as ${session.name}, with the rights of ${session.role}`}>
            {session.name} ({session.role})
          </span>
          <Button does={() => notices.of(signOut(), 'Signed out.')}>Sign out</Button>
        </div>
      </header>
      <ConnectionLine />
      <main id="content" ref={main} tabIndex={-1}>
        {children}
      </main>
      <NoticeList notices={notices} />
    </div>
  )
}

const isWithin = (path: string, place: string) =>
  place === '/' ? path === '/' : path === place || path.startsWith(`${place}/`)

/** Says that what is shown may be old. */
function ConnectionLine() {
  const { changes } = usePage()
  const lostSince = changes.lostSince.value
  return (
    <div role="status" class="connection">
      {lostSince !== undefined && (
        <p>
          The connection to the server was lost at {localTime(lostSince.toISOString())}. The page tries again
          by itself, and catches up. What it shows may be old.
        </p>
      )}
    </div>
  )
}

/** The messages about the latest actions of the person, and their results. */
function NoticeList({ notices }: { notices: Notices }) {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.all.value.map(({ id, kind, text }) => (
        <p key={id} class={`notice ${kind}`}>
          <span>{text}</span>
          <Button does={() => notices.close(id)} aria-label="Close this message">
            ×
          </Button>
        </p>
      ))}
    </div>
  )
}
