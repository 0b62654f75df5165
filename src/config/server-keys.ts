import { type Key, kind } from './kinds.ts'

/** The keys of `[server]`. */
export const server = {
  listen: {
    $ref: kind('address'),
    default: '127.0.0.1:8080',
    description: 'Where the server listens. Beyond the loopback addresses it needs TLS.',
  },
  database: {
    $ref: kind('database'),
    description:
      'The store: `sqlite:PATH`, by default `server/server.db` in the state directory, or `postgres://…`.',
  },
  data_dir: {
    $ref: kind('path'),
    description:
      'Where tokens, key and audit log lie, mode 0700. By default beside the SQLite file; with PostgreSQL `server` in the state directory.',
  },
  key_file: {
    $ref: kind('path'),
    description:
      'The key under which the store keeps secrets: 32 bytes, mode 0600, made at the first start; by default `key` in `data_dir`. Required with PostgreSQL.',
  },
  tls_cert_file: {
    $ref: kind('path'),
    description:
      'Certificate chain of the server in PEM; needs `tls_key_file`. Renewed: send SIGHUP (`systemctl reload runner-server`).',
  },
  tls_key_file: { $ref: kind('path'), description: 'Private key of the server in PEM.' },
  client_ca_file: {
    $ref: kind('path'),
    description:
      'Certificates in PEM of those who sign clients; then a client without such a certificate is refused.',
  },
  log_limit: {
    $ref: kind('size'),
    default: '64M',
    description: 'How much of the log of one execution is kept; of more, head and tail.',
  },
  retention_days: {
    $ref: kind('days'),
    default: '30',
    description: 'Days that ended executions and their logs are kept; 0: for ever.',
  },
  lease_seconds: {
    $ref: kind('seconds'),
    default: '60',
    description: 'Seconds that an execution stays with a runner that is not heard of.',
  },
  confirm_within_seconds: {
    $ref: kind('seconds'),
    default: '30',
    description: 'Seconds a runner has to confirm what it has reserved.',
  },
  late_result_seconds: {
    $ref: kind('seconds'),
    default: '86400',
    description: 'Seconds for which a lost execution may still come back.',
  },
  ping_interval_seconds: {
    $ref: kind('seconds'),
    default: '10',
    description: 'Seconds between two pings on a command channel.',
  },
  reserve_wait_seconds: {
    $ref: kind('seconds'),
    default: '50',
    description: 'Seconds that runners are told to wait for work in one call; at most 50.',
  },
} as const satisfies Record<string, Key>
