/* The facts about this server, and about the person who is signed in. */
import type { Health } from '../../protocol/messages/health.ts'
import { useLive, usePage } from '../context.ts'
import { Loaded, Onward, Page, Time } from '../ui/show.tsx'

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
      <Onward to="/openapi.json">The API by which this page and all commands work</Onward>
    </Page>
  )
}
