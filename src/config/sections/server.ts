import { dirname, join } from 'node:path'
import { isLoopback } from '../../system/loopback.ts'
import { isNetwork } from '../../system/networks.ts'
import {
  address,
  type Database,
  database,
  days,
  flag,
  issuer,
  names,
  oidcRoles,
  origin,
  path,
  seconds,
  size,
  word,
} from '../forms.ts'
import type { Keys, SettingsOf } from '../key.ts'
import { checkTogether, complaint, defineSection, type Entries, type SectionContext } from '../section.ts'

const positive = (value: number) => value > 0
const aboveZero = 'it must be more than 0'

const keys = {
  listen: address('127.0.0.1:8080').doc(
    'Address of the server. All addresses except the loopback ones need TLS.',
  ),
  database: database().doc(
    'The store: `sqlite:PATH`, by default `server/server.db` in the state directory, or `postgres://…`.',
  ),
  data_dir: path().doc(
    'Directory of tokens and key, mode 0700. By default that of the SQLite file; with PostgreSQL',
    '`server` in the state directory.',
  ),
  key_file: path().doc(
    'File with the key that seals secrets in the store: 32 bytes, mode 0600, made at the first start; by',
    'default `key` in `data_dir`. Required with PostgreSQL.',
  ),
  tls_cert_file: path().doc(
    'Certificate chain of the server in PEM; needs `tls_key_file`. After a renewal send SIGHUP',
    '(`systemctl reload runner-server`).',
  ),
  tls_key_file: path().doc('Private key of the server in PEM; not readable by every user.'),
  client_ca_file: path().doc(
    'Certificates in PEM of the CAs of clients. With it, a client without a certificate of these CAs is',
    'refused.',
  ),
  client_crl_file: path().doc(
    'Revocation list in PEM: certificates of `client_ca_file` that are refused. After a renewal send',
    'SIGHUP.',
  ),
  log_limit: size('64M').doc(
    'Part of the log of one execution that is kept: of a longer log, head and tail.',
  ),
  retention_days: days(30).doc('Days that ended executions and their logs are kept; 0: for ever.'),
  credentials_days: days(30).doc(
    'Days after which the token of a runner expires; the runner renews it before that. 0: never.',
  ),
  audit_days: days(365).doc('Days that entries of the audit log are kept; 0: for ever.'),
  audit_syslog: flag(false).doc('`yes`: each entry of the audit log also goes to the system log.'),
  trusted_proxies: names()
    .must(all => all.every(isNetwork), 'each must be an address, or a network such as 10.0.0.0/8')
    .doc(
      'Addresses and networks of the proxies in front of the server. The server trusts `X-Forwarded-For`',
      '(or `Forwarded`) only of these: by default, of none.',
    ),
  page: flag(true).doc('`yes`: the server shows its page to browsers; `no`: it answers calls alone.'),
  public_url: origin().doc(
    'The address by which browsers reach the server, such as `https://runner.example`, if it is not its own:',
    'behind a proxy with TLS, for example. With `https` browsers send the cookie of a session over TLS',
    'alone.',
  ),
  oidc_issuer: issuer().doc(
    'Identity provider by which people sign in on the page (OpenID Connect). It needs `public_url` with',
    'https; at the provider the redirect address is `PUBLIC_URL/v1/oidc/callback`.',
  ),
  oidc_client_id: word().doc('Name of this server at the identity provider.'),
  oidc_client_secret_file: path().doc(
    'File with the secret of this server at the identity provider, mode 0600. Without it the server is a',
    'public client.',
  ),
  oidc_scopes: names('openid, profile, email').doc(
    'The scopes that the server asks the identity provider for.',
  ),
  oidc_roles: oidcRoles().doc(
    'The roles of people: lines of a claim, its value (`*`: any), the role and its namespaces (none:',
    '`default`), such as `groups "Team A" operator team-a team-b`. The first line that fits a person counts;',
    'without one that fits a person is refused. A claim in another one is written with a dot',
    '(`realm_access.roles`); `email` counts only with `email_verified`.',
  ),
  notify_private: flag(false).doc(
    '`yes`: notifications may go to addresses of this host and of private networks, such as 127.0.0.1 and',
    '10.0.0.0/8. By default they may not, so that nobody who may name a target reaches what is not public.',
  ),
  lease_seconds: seconds(60)
    .must(positive, aboveZero)
    .doc('Seconds that an execution belongs to a runner without a heartbeat.'),
  confirm_within_seconds: seconds(30)
    .must(positive, aboveZero)
    .doc('Seconds that a runner has to confirm a reserved execution.'),
  late_result_seconds: seconds(86400).doc('Seconds for which a lost execution may still come back.'),
  ping_interval_seconds: seconds(10)
    .must(positive, aboveZero)
    .doc('Seconds between two pings on a command channel.'),
  reserve_wait_seconds: seconds(50)
    .must(value => value <= 50, 'it is at most 50', 'leave it out: 50 is the default')
    .doc('Seconds that a runner waits for work in one call; at most 50.'),
} satisfies Keys

/** `[server]`, with every path absolute. */
export const server = defineSection({
  about: 'Settings of `runner server`, on a host that hands jobs out.',
  keys,
  settings,
  check,
})

export type ServerConfiguration = ReturnType<typeof settings>

function settings(values: SettingsOf<typeof keys>, { stateDir }: SectionContext) {
  const { tls_cert_file, tls_key_file, client_ca_file, client_crl_file, ...rest } = values
  const store: Database = values.database ?? {
    engine: 'sqlite',
    path: join(stateDir, 'server', 'server.db'),
  }
  const beside = store.engine === 'sqlite' ? dirname(store.path) : join(stateDir, 'server')
  const data_dir = values.data_dir ?? beside
  const tls: TlsFiles | undefined =
    tls_cert_file === undefined || tls_key_file === undefined
      ? undefined
      : { cert_file: tls_cert_file, key_file: tls_key_file, client_ca_file, client_crl_file }
  return { ...rest, database: store, data_dir, key_file: values.key_file ?? join(data_dir, 'key'), tls }
}

/** The files of a server with TLS, absolute. */
export interface TlsFiles {
  cert_file: string
  key_file: string
  client_ca_file?: string | undefined
  client_crl_file?: string | undefined
}

function check(entries: Entries) {
  const isPostgres = entries.get('database')?.value.startsWith('postgres')
  const findings = checkTogether(entries, [
    ['tls_cert_file', 'tls_key_file'],
    ['tls_key_file', 'tls_cert_file'],
    ['client_ca_file', 'tls_cert_file'],
    ['client_crl_file', 'client_ca_file'],
    ['oidc_issuer', 'public_url'],
    ['oidc_issuer', 'oidc_client_id'],
    ['oidc_issuer', 'oidc_roles'],
    ['oidc_client_id', 'oidc_issuer'],
    ['oidc_client_secret_file', 'oidc_issuer'],
    ['oidc_roles', 'oidc_issuer'],
  ])
  const provider = entries.get('oidc_issuer')?.value
  if (provider !== undefined && entries.get('public_url')?.value.startsWith('http:'))
    findings.push(
      complaint(
        ...([entries, 'public_url', 'oidc_issuer is set, and public_url is without TLS'] as const),
        'write https://…: the identity provider sends people back there',
      ),
    )
  if (provider?.startsWith('http:') && !isLoopback(URL.parse(provider)?.hostname ?? ''))
    findings.push(
      complaint(
        ...([
          entries,
          'oidc_issuer',
          'oidc_issuer is without TLS: anybody on the way could say who is who',
        ] as const),
        'write https://…',
      ),
    )
  if (isPostgres && !entries.has('key_file')) {
    const hint = 'set key_file: all servers of one database need the same key'
    findings.push(complaint(entries, 'database', 'database is in PostgreSQL, and key_file is not set', hint))
  }
  return findings
}
