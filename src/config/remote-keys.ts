import { type Key, kind } from './kinds.ts'

/** The keys of `[remote]`. */
export const remote = {
  url: {
    $ref: kind('url'),
    description: 'The server that `runner attach` takes its work from; `--server` comes first.',
  },
  token_file: {
    $ref: kind('path'),
    description:
      'File with a registration token. It is read before each registration; later calls use a token of their own.',
  },
  name: {
    $ref: kind('title'),
    description: 'What people call this runner. Without it the name of the host.',
  },
  capabilities: {
    $ref: kind('names'),
    default: 'remote,remote-script,container',
    description:
      'What this runner can do: it gets jobs that ask for no more. Without remote-script no scripts.',
  },
  runner_group: {
    $ref: kind('name'),
    default: 'default',
    description: 'The group whose jobs it takes.',
  },
  taints: {
    $ref: kind('names'),
    description: 'Reasons to keep work away: as long as there is one it gets none, and is not elected.',
  },
  ca_file: {
    $ref: kind('path'),
    description: 'Certificates in PEM of those who may sign the server, instead of those that Node knows.',
  },
  cert_file: { $ref: kind('path'), description: 'Client certificate in PEM; needs `key_file`.' },
  key_file: { $ref: kind('path'), description: 'Private key of the client certificate in PEM.' },
  proxy: {
    $ref: kind('proxy'),
    description: 'Proxy to the server. Without it `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` hold.',
  },
  state_dir: {
    $ref: kind('path'),
    description:
      'Where identity and results that wait are kept, mode 0700; by default `remote` in that of `[runner]`.',
  },
  work_dir: {
    $ref: kind('path'),
    description: 'Where the directories of containers are; by default `work` in `state_dir`.',
  },
  drain_time: {
    $ref: kind('seconds'),
    default: '10800',
    description: 'Seconds that running jobs get to end when runner is asked to stop; then they are aborted.',
  },
  on_stop: {
    $ref: kind('stopping'),
    default: 'drain',
    description:
      'What a stop does with running jobs: wait for them (`drain`), or let them run on for the next start, which has an hour (`detach`).',
  },
  on_lost: {
    $ref: kind('losing'),
    default: 'run',
    description:
      'What becomes of running jobs when the server has not answered for `lease_seconds`, and so may hand another attempt out: they run on, and their results are offered later (`run`), or they are ended (`abort`).',
  },
  health_listen: {
    $ref: kind('address'),
    default: '127.0.0.1:8686',
    description: 'Where `/live`, `/ready` and `/metrics` are answered, by HTTP and for anybody.',
  },
} as const satisfies Record<string, Key>
