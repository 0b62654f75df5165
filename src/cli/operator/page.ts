import { exitStatus } from '../../exit-status.ts'
import { localTime } from '../../report/local-time.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { pageLink } from '../page-link.ts'
import { type ConnectOptions, defineServerCommand, sayFailure, withClient } from './connect.ts'

/** Prints a link that signs a browser in. */
function page(options: ConnectOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const made = await client.call('createBrowserCode', {})
    if (!made.ok) return sayFailure(made.failure)
    const { code, expires_at, public_url } = made.value
    const url = pageLink(public_url ?? client.server.origin, code)
    if (options.json) printJson({ url, expires_at })
    else {
      print(`${url}\n`)
      if (!options.quiet) sayError(`runner: the link signs one browser in, until ${localTime(expires_at)}\n`)
    }
    return exitStatus.ok
  })
}

export const command = defineServerCommand({
  description: 'print a link to the page of the server that signs a browser in',
  options: command => command,
  notes: `The first person to open the link has the rights of the token that the command uses. The link is
good once, for 10 minutes. The browser stays signed in until somebody signs out or closes it, until it has had
no page of the server in it for 8 hours, or until 30 days are over.`,
  examples: ['runner page', 'runner page --server https://runner.example --token-file viewer.token'],
  action: (options, _, env) => page(options, env),
})
