import { type Key, kind } from './kinds.ts'

/** The keys of `[executor]`. */
export const executor = {
  docker_host: {
    $ref: kind('engine'),
    description:
      "The socket of Docker or podman, on this host. Without it `DOCKER_HOST`, else Docker's usual socket, else podman's.",
  },
  images: {
    $ref: kind('names'),
    default: '*',
    description:
      'Patterns of the images that may run, such as `registry.example/ops/*`; `*` stands for anything but a slash, `**` for anything, and `*` alone allows all.',
  },
  reuse: {
    $ref: kind('reuse'),
    default: 'domain',
    description:
      'Which job may get a container in which another one has run: one of the same trust domain, only the same named job of it, or none.',
  },
  max_jobs_per_executor: {
    $ref: kind('count'),
    default: '100',
    description: 'Jobs after which a container that is used again is replaced.',
  },
  pull: {
    $ref: kind('pull'),
    default: 'missing',
    description: 'When to fetch an image from its registry: when it is not there, before each job, or never.',
  },
  memory: {
    $ref: kind('size'),
    default: '2G',
    description: 'Memory of a container; what is in its `/tmp` and `/dev/shm` counts.',
  },
  cpus: {
    $ref: kind('number'),
    default: '2',
    description: 'Processors of a container; no more than the host has.',
  },
  pids: { $ref: kind('count'), default: '512', description: 'Processes and threads of a container.' },
  network: {
    $ref: kind('word'),
    default: 'bridge',
    description: "The container's network: a name that the engine knows, or `none`.",
  },
  user: {
    $ref: kind('word'),
    description: "User, or user:group, of the job. Without it the image's own.",
  },
  read_only: {
    $ref: kind('flag'),
    default: 'no',
    description: "`yes`: the image's files cannot be changed; `/tmp`, `/dev/shm` and its volumes can.",
  },
  cap_add: {
    $ref: kind('names'),
    description: 'Capabilities that jobs get, such as `NET_RAW`; without it none.',
  },
  registry_auth_file: {
    $ref: kind('path'),
    description: 'Credentials of registries, in a file as `docker login` writes it.',
  },
  disk_limit: {
    $ref: kind('size'),
    default: '10G',
    description:
      'Disk that one job may fill; it is ended when it has more. `runner doctor` says what is counted here.',
  },
  log_limit: {
    $ref: kind('size'),
    default: '512M',
    description: "How much of one job's log is sent to the server; of more, head and tail.",
  },
  host_work_dir: {
    $ref: kind('word'),
    description:
      'Where the engine finds the work directory, if runner is in a container itself and the path is another one there.',
  },
} as const satisfies Record<string, Key>
