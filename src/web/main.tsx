/* The beginning of the page: signed out, or the shell around what the address names. */
import { render } from 'preact'
import { useMemo } from 'preact/hooks'
import { LocationProvider } from 'preact-iso/router'
import { BrowserKey } from './browser-key.ts'
import { Context } from './context.ts'
import { Changes } from './live/changes.ts'
import { Notices } from './notices.ts'
import { Parts } from './routes.tsx'
import { Server } from './server.ts'
import { SignIn } from './session.ts'
import { Shell } from './ui/shell.tsx'
import { SignInForm } from './ui/sign-in-form.tsx'

/** Whether the page was built from the sources of a developer; set at build. */
declare const isDevelopment: boolean

/** The addresses that the page shows itself; others are the server's. */
const ofThePage = /^\/(?!v1\/|openapi\.json$)/

const key = new BrowserKey()
const server = new Server(key)
const signIn = new SignIn(server, key)
const changes = new Changes()
const services = { server, changes, notices: new Notices(), signOut: () => signIn.signOut() }
signIn.session.subscribe(({ state }) => {
  if (state === 'in') changes.start(key.value)
})

changes.onRefused = () => void signIn.look()

function Root() {
  const session = signIn.session.value
  const context = useMemo(() => (session.state === 'in' ? { ...services, session } : undefined), [session])
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

const root = document.querySelector('#page')
if (root === null) throw new Error('index.html has no element for the page')
render(<Root />, root)
void signIn.begin()
if (isDevelopment) void reloadAfterChanges()

/**
 * Loads the page anew when its sources have changed: the server builds them when it is asked for the page.
 */
async function reloadAfterChanges(): Promise<void> {
  const read = async () => (await fetch('/')).text()
  const first = await read()
  for (;;) {
    await new Promise(resolve => setTimeout(resolve, 1000))
    if (document.hidden) continue
    // While the server starts anew, or cannot build the page, this one stays.
    const now = await read().catch(() => first)
    if (now !== first && now.includes('<div id="page">')) return location.reload()
  }
}
