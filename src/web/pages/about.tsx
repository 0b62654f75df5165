/* What this server is, and who is signed in. */
import type { Health } from '../../protocol/messages/health.ts'
import { useLive, usePage } from '../context.ts'
import { Loaded, Page, Time } from '../ui/show.tsx'

export function About() {
  const { session } = usePage()
  const health = useLive<Health>('/health', [])
  return (
    <Page title="About">
      <Loaded of={health}>
        {({ version }) => (
          <p>
            This is runner server {version} at {location.origin}.
          </p>
        )}
      </Loaded>
      <h2>You</h2>
      <p>
        Signed in as {session.name}, with the rights of {session.role} in{' '}
        {session.namespaces === null ? 'all namespaces' : session.namespaces.join(', ')}, until{' '}
        <Time at={session.expires_at} /> at the latest.
      </p>
      <h2>Commands</h2>
      <p>
        All of this page is made of the server's public API: <a href="/openapi.json">openapi.json</a>{' '}
        describes it. The commands <code>runner ps</code>, <code>runner job</code>,{' '}
        <code>runner schedule</code> and <code>runner node</code> show the same in a terminal.
      </p>
    </Page>
  )
}
