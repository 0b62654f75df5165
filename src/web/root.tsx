/* The page as a whole: signed out, or the shell around what the address names. */
import { useMemo } from 'preact/hooks'
import { LocationProvider } from 'preact-iso/router'
import { Context } from './context.ts'
import type { Changes } from './live/changes.ts'
import { Parts } from './routes.tsx'
import type { Server } from './server.ts'
import type { SignIn } from './session.ts'
import type { Notices } from './ui/notices.tsx'
import { Shell } from './ui/shell.tsx'
import { SignInForm } from './ui/sign-in-form.tsx'

/** The addresses that the page shows itself; others are the server's. */
const ofThePage = /^\/(?!v1\/|openapi\.json$)/

interface Services {
  server: Server
  changes: Changes
  signIn: SignIn
  notices: Notices
}

export function Root({ server, changes, signIn, notices }: Services) {
  const session = signIn.session.value
  const context = useMemo(
    () =>
      session.state === 'in'
        ? { server, changes, notices, session, signOut: () => signIn.signOut() }
        : undefined,
    [session],
  )
  if (session.state === 'unknown') return <p class="beginning">Asking the server …</p>
  if (context === undefined) return <SignInForm signIn={signIn} />
  return (
    // Another session is perhaps another person: nothing that the first one saw stays.
    <Context.Provider key={context.session.expires_at} value={context}>
      <LocationProvider scope={ofThePage}>
        <Shell>
          <Parts />
        </Shell>
      </LocationProvider>
    </Context.Provider>
  )
}
