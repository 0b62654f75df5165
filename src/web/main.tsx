/* The beginning of the page. */
import { render } from 'preact'
import { BrowserKey } from './browser-key.ts'
import { Changes } from './live/changes.ts'
import { Root } from './root.tsx'
import { Server } from './server.ts'
import { SignIn } from './session.ts'
import { Notices } from './ui/notices.tsx'

/** Whether the page was built from the sources of a developer; set at build. */
declare const isDevelopment: boolean

const key = new BrowserKey()
const server = new Server(key)
const signIn = new SignIn(server, key)
const changes = new Changes()
signIn.session.subscribe(({ state }) => {
  if (state === 'in') changes.start(key.value)
})

changes.onRefused = () => void signIn.look()

const root = document.querySelector('#page')
if (root === null) throw new Error('index.html has no element for the page')
render(<Root server={server} changes={changes} signIn={signIn} notices={new Notices()} />, root)
void signIn.begin()
if (isDevelopment) void reloadAfterChanges()

/** Loads the page anew when its sources have changed: the server builds them when it is asked for the page. */
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
