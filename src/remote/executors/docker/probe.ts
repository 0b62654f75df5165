/*
 * Runs the whole hand-over once, in a container of an empty image. It finds problems between runner and
 * engine before a job meets them.
 */
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fail, ok, type Result } from '../../../result.ts'
import type { DiskLimit, Failure, FailureReason, JobHandle } from '../executor.ts'
import { Containers } from './containers.ts'
import type { Unseen } from './disk-use.ts'
import type { EngineFacts } from './engine.ts'
import { toFailure } from './failure.ts'
import { Images } from './images.ts'
import type { DockerOptions } from './options.ts'
import { unknownRuntime } from './runtime.ts'
import { DockerSlot } from './slot.ts'

const repo = 'localhost/runner-probe'
// podman gives this tag to every image that it imports, whatever tag it is told.
const tag = 'latest'

export interface Probed {
  /** Why no container of this engine can have a second job; undefined if it can. */
  once: string | undefined
  diskLimit: DiskLimit
  /** Whether the containers see what their jobs use. */
  measures: boolean
}

/**
 * Resolves when a job has been handed over and its log has come back. `engine` is what the engine says of
 * itself.
 */
export async function probe(
  options: DockerOptions,
  engine: EngineFacts,
  signal: AbortSignal,
): Promise<Result<Probed, Failure>> {
  const { edges } = options
  const image = await ownImage(options, signal)
  if (!image.ok) return image
  const containers = new Containers(options)
  const slot = { slotId: edges.chance.id(), group: 'probe', ephemeral: false }
  const launched = await containers.launch(image.value, slot)
  if (!launched.ok) {
    if (launched.failure.reason === 'no-network') return fail(launched.failure)
    return fail(explainProbeFailure(launched.failure.message, options, engine))
  }
  const container = launched.value
  try {
    const around = { edges, diskLimit: Number.POSITIVE_INFINITY, onProblem: () => {} }
    const handedOver = await handOver(
      new DockerSlot(container, image.value, around),
      container.directory,
      edges,
    )
    if (!handedOver.ok) return fail(explainProbeFailure(handedOver.failure, options, engine))
    const { unseen } = await container.disk.use()
    const diskLimit = diskLimitOf(containers.enforcesDisk, unseen)
    const found = { diskLimit, measures: handedOver.value.measures }
    if (await container.sweep()) return ok({ once: undefined, ...found })
    return ok({ once: container.unfit ?? 'a container was not as it had been before its job', ...found })
  } finally {
    await container.remove()
  }
}

/** The limit on the disk of a job on this host, and how well it is enforced. */
export function diskLimitOf(enforced: boolean, unseen: Unseen | undefined): DiskLimit {
  const also = enforced ? ', and the engine itself limits what a container changes of its image' : ''
  const advice =
    'run runner as root on the host of the engine, ' +
    'with CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE, as runner-attach.service does'
  return {
    holds: `all files of a job are counted, those without a name too${also}`,
    gap: unseen && `${unseen} are not counted${also}; to have them counted, ${advice}`,
  }
}

/** Makes an empty image. It is runner's own, so the allow-list of images does not apply. */
async function ownImage({ engine, settings, edges }: DockerOptions, signal: AbortSignal) {
  const made = await engine.call('take an image', async (docker, abortSignal) => {
    const known = await docker.inspectImage(`${repo}:${tag}`, abortSignal).then(
      () => true,
      () => false,
    )
    if (known) return
    const stream = await docker.importImage(Readable.from([emptyTar()]), { repo, tag, abortSignal })
    for await (const _ of stream);
  })
  if (!made.ok) return fail(toFailure('engine-refused', made.failure.message))
  const images = new Images(engine, { ...settings, images: ['*'], pull: 'never' }, edges.clock, undefined)
  const image = await images.prepare(`${repo}:${tag}`, () => {}, signal)
  return image.ok ? image : fail(toFailure('engine-refused', image.failure.message))
}

/** Runs a job that prints a secret. Fails with the reason if the secret does not come back. */
async function handOver(
  slot: DockerSlot,
  directory: string,
  { chance }: DockerOptions['edges'],
): Promise<Result<Pick<Probed, 'measures'>, string>> {
  const secret = chance.id()
  const id = randomUUID()
  // The directory is among the container's files, so it is removed with the container if this process is
  // killed.
  const keptDir = join(directory, id)
  mkdirSync(keptDir)
  const placed = await slot.place(
    {
      id,
      command: ['/.runner/control/busybox', 'sh', '-c', 'echo "$RUNNER_PROBE"'],
      env: { RUNNER_PROBE: secret },
      secretEnv: {},
      limit: 20,
      grace: 1,
    },
    keptDir,
  )
  if (!placed.ok) return fail(placed.failure.message)
  const started = await placed.value.start()
  if (!started.ok) return fail(started.failure.message)
  const said = await wordsOf(started.value)
  if (!said.ok) return said
  const kept = await started.value.keep()
  if (!kept.ok) return fail(kept.failure.message)
  await started.value.discard()
  if (said.value !== `${secret}\n`) return fail('its output did not come back')
  return ok({ measures: (await started.value.exited).resources !== undefined })
}

/** The log of a job; fails if the job does not succeed. */
async function wordsOf(job: JobHandle): Promise<Result<string, string>> {
  if ((await job.started) === 'never') return fail('the container ended before its job started')
  const exit = await job.exited
  if (exit.by !== 'status') return fail('message' in exit ? exit.message : `its job ended by ${exit.by}`)
  if (exit.code !== 0) return fail(`its job ended with exit status ${exit.code}`)
  const pieces: Uint8Array[] = []
  for await (const piece of job.log(0, new AbortController().signal)) pieces.push(piece)
  return ok(Buffer.concat(pieces).toString())
}

/** Finds the usual cause that fits a failure of the probe. */
export function explainProbeFailure(
  said: string,
  { engine, settings, workDir }: Pick<DockerOptions, 'engine' | 'settings' | 'workDir'>,
  facts: EngineFacts,
): Failure {
  const because = (reason: FailureReason, message: string) => toFailure(reason, `${message} (${said})`)
  const hasNot = /source path does not exist|no such file or directory|not shared|mounts denied/i.test(said)
  if (/^(tcp|http):/.test(engine.address) && hasNot)
    return because(
      'remote-engine',
      `the engine at ${engine.address} is on another machine, ` +
        `which has no ${workDir}; use an engine on this host`,
    )
  if (/docker desktop/i.test(facts.system))
    return because(
      'docker-desktop',
      'Docker Desktop runs containers in a virtual machine, ' +
        'which does not see the files that runner shares with jobs; use an engine on this host',
    )
  if (hasNot)
    return because(
      'other-path',
      `the engine does not find ${settings.host_work_dir ?? workDir}; ` +
        "if runner is in a container itself, set host_work_dir to what the engine's host calls it",
    )
  if (facts.security.some(option => option.includes('selinux')) && /permission denied|EACCES/i.test(said))
    return because(
      'selinux',
      `SELinux keeps containers from ${workDir}; label it: chcon -Rt container_file_t ${workDir}`,
    )
  if (facts.security.some(option => /userns|rootless/.test(option)))
    return because(
      'user-namespace',
      `the engine runs containers in a user namespace, whose root cannot reach ${workDir}; ` +
        'let others pass through the directories above it (chmod o+x)',
    )
  const runtime = unknownRuntime(facts, settings)
  if (runtime !== undefined)
    return because(
      'hand-over-failed',
      `a job could not be handed over to a container of the runtime ${runtime}, ` +
        'and only runc and crun are known to do: ' +
        'a runtime must let the host and a container share pipes (gVisor: --host-fifo=open)',
    )
  return because('hand-over-failed', 'a job could not be handed over to a container')
}

/** A tar archive with one empty directory: engines make no image of an archive with no entry. */
function emptyTar(): Buffer {
  const header = Buffer.alloc(512)
  header.write('tmp/', 0)
  header.write('0001777\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write('00000000000\0', 124)
  header.write('00000000000\0', 136)
  header.write('        ', 148)
  header.write('5', 156)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([header, Buffer.alloc(1024)])
}
