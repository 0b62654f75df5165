import { exitStatus } from '../../exit-status.ts'
import { print, printJson } from '../../report/say.ts'
import { type ConnectOptions, defineServerCommand, sayFailure, withClient } from './connect.ts'
import { tokensText } from './token.ts'

/** Shows the token that this command would use. */
function whoAmI(options: ConnectOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const token = await client.call('whoami', {})
    if (!token.ok) return sayFailure(token.failure)
    if (options.json) printJson(token.value)
    else print(tokensText([token.value]))
    return exitStatus.ok
  })
}

export const command = defineServerCommand({
  description: 'show the role of a token, and where it holds',
  options: command => command,
  examples: ['runner whoami', 'runner whoami --token-file ci.token'],
  action: (options, _, env) => whoAmI(options, env),
})
