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
  notes: `Whoever opens the link first has the rights of the token that the command uses. It is good once, for 10 minutes, and the
browser stays signed in for 30 days at most, or for 8 hours without a page of the server in it.`,
  examples: ['runner page', 'runner page --server https://runner.example --token-file viewer.token'],
  action: (options, _, env) => page(options, env),
})
