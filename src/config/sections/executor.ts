import type { Diagnostic } from '../diagnostic.ts'
import { count, engine, flag, names, number, oneOf, path, size, splitNames, word } from '../forms.ts'
import { crossing, mappingOf } from '../image-patterns.ts'
import type { Keys, SettingsOf } from '../key.ts'
import { complaint, defineSection, type Entries } from '../section.ts'

/** The least memory that engines take. */
const leastMemory = 6 * 1024 * 1024

const keys = {
  backend: oneOf('docker', 'kubernetes').doc(
    'Where jobs run that have an image: in containers of Docker or podman on this host (`docker`), or as',
    'pods of a cluster (`kubernetes`). A cluster takes jobs of the kinds `command` and `script` so far.',
  ),
  kubeconfig: path().doc(
    'File by which runner reaches the cluster. Without it `KUBECONFIG`, else the service account of the pod',
    'that runner is in.',
  ),
  namespace: word().doc(
    "Namespace of the cluster in which jobs run. Without it that of the kubeconfig's context, else that of",
    "runner's own pod.",
  ),
  executor_labels: names().doc('Labels, such as `team=ops`, of all that runner makes in the cluster.'),
  passed_sa_annotations: names().doc(
    'Annotations, such as `eks.amazonaws.com/role-arn=arn:…`, of the service account that each pod gets.',
  ),
  pull_secret_mappings: names().doc(
    'Secrets of the namespace with the credentials of a registry, such as `registry.example/**=its-secret`:',
    'a pattern of images and the name of the secret. All patterns that fit count.',
  ),
  docker_host: engine().doc(
    "Socket of Docker or podman on this host. Without it `DOCKER_HOST`, else Docker's usual socket, else",
    "podman's.",
  ),
  images: names('*').doc(
    'Patterns of allowed images, such as `registry.example/ops/*`; `*` matches any characters except a',
    'slash, `**` matches any characters, and `*` alone allows all images.',
  ),
  image_mappings: names().doc(
    'Images that are pulled under another name, such as `docker.io/**=mirror.example/hub/**`: pattern and',
    'name with `=` between them, with the same wildcards on both sides. The first pattern that fits counts;',
    '`images` allows the name that the job has.',
  ),
  reuse: oneOf('domain', 'job', 'never').doc(
    'Jobs for which a container is reused: those of the same trust domain (`domain`), those of the same',
    'named job in it (`job`), or none (`never`).',
  ),
  max_jobs_per_executor: count(100).doc('Number of jobs after which a reused container is replaced.'),
  sdk_daemon: oneOf('auto', 'no').doc(
    'Whether a plugin made with the SDK of Python or Go stays for further jobs of its container (`auto`), or',
    'each job starts it anew (`no`).',
  ),
  pull: oneOf('missing', 'always', 'never').doc(
    'When runner pulls an image: if the engine does not have it (`missing`), before each job (`always`), or',
    'never.',
  ),
  memory: size('2G')
    .must(bytes => bytes >= leastMemory, 'engines take no less than 6M')
    .doc('Memory of a container, including its `/tmp` and `/dev/shm`.'),
  cpus: number(2)
    .must(cpus => cpus >= 0.01, 'engines take no less than 0.01')
    .doc('Processors of a container; no more than the host has.'),
  pids: count(512).doc('Processes and threads of a container.'),
  network: word('bridge').doc(
    "Network of a container: the name of one of the engine's networks, `none`, or `job` for its own network,",
    'which is made and removed with the container.',
  ),
  runtime: word().doc(
    "OCI runtime of containers, such as `crun`. Without it the engine's default. With another one than runc",
    'and crun each job has its own container.',
  ),
  user: word().doc("User, or user:group, of the job. Without it the image's own."),
  read_only: flag(false).doc(
    "`yes`: the image's files cannot be changed; `/tmp`, `/dev/shm` and its volumes can.",
  ),
  cap_add: names().doc('Capabilities that jobs get, such as `NET_RAW`; without it none.'),
  registry_auth_file: path().doc(
    'Credentials of registries, in a file as `docker login` or `podman login` writes it: for each registry,',
    'or for a part of its names (`registry.example/team`).',
  ),
  disk_limit: size('10G').doc(
    'Disk space of one job; a job that fills more is ended. `runner doctor` says which files count.',
  ),
  log_limit: size('512M').doc(
    "Part of one job's log that is sent to the server: of a longer log, head and tail.",
  ),
  host_work_dir: word()
    .must(
      text => text.startsWith('/'),
      'it is a path of another machine, and must be absolute',
      'write it from the / on',
    )
    .doc(
      'Path of the work directory on the host of the engine, if runner itself runs in a container with',
      'another path.',
    ),
} satisfies Keys

/** `[executor]`, with every path absolute. */
export const executor = defineSection({
  about: 'Settings of jobs in containers.',
  keys,
  settings: values => values,
  check,
})

export type ExecutorConfiguration = SettingsOf<typeof keys>
export type Reuse = ExecutorConfiguration['reuse']

function check(entries: Entries): Diagnostic[] {
  return [...checkImages(entries), ...checkMappings(entries), ...checkPairs(entries)]
}

function checkMappings(entries: Entries): Diagnostic[] {
  const mappings = entries.get('image_mappings')
  const wrong = splitNames(mappings?.value ?? '').filter(text => mappingOf(text) === undefined)
  const hint = 'write pattern=name, such as docker.io/**=mirror.example/hub/**'
  return wrong.map(text =>
    complaint(
      entries,
      'image_mappings',
      `image_mappings has ${text}, which is not a pattern and a name with the same wildcards`,
      hint,
    ),
  )
}

/** Keys whose names are pairs, and an example of one. */
const pairs = {
  executor_labels: 'team=ops',
  passed_sa_annotations: 'example.org/role=deploy',
  pull_secret_mappings: 'registry.example/**=its-secret',
} as const

function checkPairs(entries: Entries): Diagnostic[] {
  return Object.entries(pairs).flatMap(([key, example]) => {
    const wrong = splitNames(entries.get(key)?.value ?? '').filter(text => !/^[^=]+=[^=]*$/.test(text))
    return wrong.map(text =>
      complaint(
        entries,
        key,
        `${key} has ${text}, which is not a name and a value`,
        `write it as ${example}`,
      ),
    )
  })
}

function checkImages(entries: Entries): Diagnostic[] {
  const images = entries.get('images')
  if (images === undefined) return []
  const patterns = splitNames(images.value)
  if (patterns.length === 0) {
    const hint = 'write patterns, or leave it out: * is the default'
    return [complaint(entries, 'images', 'images allows no image at all', hint)]
  }
  return patterns.flatMap(pattern => {
    const wider = crossing(pattern)
    if (wider === undefined) return []
    const message = `images has ${pattern}: * stands for no slash any more, as it did in 0.1.0`
    const hint = `write ${wider} where it is to allow names with more slashes; else it is right as it is`
    return [{ severity: 'notice', reason: 'pattern-narrower', ...images.origin, message, hint }]
  })
}
