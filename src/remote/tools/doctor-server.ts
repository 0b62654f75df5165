/* The checks of doctor on the server: its answer, its clock, and the tokens of this host. */
import { Client } from '../../protocol/client/client.ts'
import { withTokenFile } from '../../protocol/client/client-failure.ts'
import { isLoopback } from '../../system/loopback.ts'
import { readOwnToken, refusalText } from '../link/registration.ts'
import type { DoctorCheck, DoctorOptions } from './doctor-check.ts'
import { registrationWarning } from './token-warnings.ts'

/** Seconds of difference between two clocks that do no harm, and that break things. */
const differences = { warning: 5, failed: 60 }

/** Checks the server, its clock, and the tokens; without a server it says which of these it skips. */
export async function* examineServer({
  remote,
  server,
  transport,
  token,
  tokenFile,
  aboutServer = '',
  env,
  edges,
}: DoctorOptions): AsyncGenerator<DoctorCheck> {
  const wrong = !server.ok ? server.failure : !transport.ok ? transport.failure : undefined
  const without = (check: string): DoctorCheck => ({
    check,
    result: 'skipped',
    message: 'the server was not reached',
  })
  if (!server.ok || !transport.ok) {
    yield { check: 'server', result: 'failed', message: wrong! }
    yield without('clock')
    yield without('token')
    return
  }
  let difference: number | undefined
  // Where it has been registered, it is its own token that counts.
  const own = readOwnToken(remote.state_dir, server.value)
  let sent = own
  await using client = new Client({
    ...transport.value,
    server: server.value,
    env,
    clock: edges.clock,
    token: () => sent,
    onClock: ({ offset }) => {
      difference ??= offset / 1000
    },
  })
  const health = await client.call('health', {})
  const secure = server.value.protocol === 'https:' ? 'TLS' : 'without TLS'
  const plain = server.value.protocol === 'http:' && !isLoopback(server.value.hostname)
  const advice = plain ? '; others on the network can read the tokens: use https://' : ''
  yield health.ok
    ? {
        check: 'server',
        result: plain ? 'warning' : 'ok',
        message:
          `${server.value.origin} answers (version ${health.value.version}, ${secure})` +
          `${advice}${aboutServer}`,
      }
    : { check: 'server', result: 'failed', message: health.failure.message }
  yield difference === undefined ? without('clock') : clockCheck(difference)
  if (health.ok && own !== undefined) {
    const check = await tokenCheck(
      client,
      `this runner is registered, and its own token ${await expiryText(client)}`,
    )
    if (check.result === 'ok') {
      yield check
      sent = token.ok ? token.value : undefined
      if (token.ok) yield* scopeCheck(client)
      return
    }
  }
  sent = token.ok ? token.value : undefined
  if (!token.ok) yield { check: 'token', result: 'failed', message: token.failure }
  else if (!health.ok) yield without('token')
  else {
    yield await tokenCheck(client, 'it can register runners', tokenFile)
    yield* scopeCheck(client)
  }
}

/** Warns of a registration token on this host that lets whoever reads it do more than this host needs. */
async function* scopeCheck(client: Client): AsyncGenerator<DoctorCheck> {
  const token = await client.call('whoami', {})
  // A token that is not valid any more opens nothing, and a server of release 0.1.0 does not know the call.
  const message = token.ok ? registrationWarning(token.value) : undefined
  if (message !== undefined) yield { check: 'registration token', result: 'warning', message }
}

function clockCheck(difference: number): DoctorCheck {
  const check = 'clock'
  const seconds = Math.round(Math.abs(difference))
  if (seconds < differences.warning) return { check, result: 'ok', message: `${seconds} s from the server's` }
  const message =
    `this clock is ${seconds} s ${difference > 0 ? 'ahead of' : 'behind'} the server's: ` +
    'set one of them right (timedatectl set-ntp true)'
  return { check, result: seconds < differences.failed ? 'warning' : 'failed', message }
}

/** The text about the time for which the runner's own token is valid. */
async function expiryText(client: Client): Promise<string> {
  const token = await client.call('whoami', {})
  // An expired token registers, and makes no other call; a server of release 0.1.0 does not know the call.
  if (!token.ok)
    return token.failure.reason === 'bad-token'
      ? 'has expired: the runner renews it when it is attached'
      : 'is valid'
  const { expires_at } = token.value
  return expires_at === null
    ? 'is valid, and does not expire: an older release has registered this runner, ' +
        'and a restart of `runner attach` changes that, or the server has credentials_days = 0'
    : `is valid until ${expires_at}; the runner renews it before that`
}

/** Whether the token registers, by a registration that no server can accept. */
async function tokenCheck(client: Client, well: string, tokenFile?: string): Promise<DoctorCheck> {
  const check = 'token'
  const body = {
    uuid: '00000000-0000-0000-0000-000000000000',
    name: 'doctor',
    version: '',
    public_key: '',
    capabilities: [],
    runner_group: 'default',
  }
  const said = await client.call('register', { body })
  if (said.ok || said.failure.reason === 'malformed') return { check, result: 'ok', message: well }
  return { check, result: 'failed', message: refusalText(withTokenFile(said.failure, tokenFile)) }
}
