/*
 * Runs the whole hand-over once, in a container of nothing but what runner itself brings. What can be wrong between
 * runner and engine shows here, before a job has to find it.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Edges } from '../../edges.ts'
import { fail, ok, type Result } from '../../result.ts'
import { startJob } from '../execution.ts'
import { Spool } from '../spool.ts'
import type { DiskUse } from './disk-use.ts'
import { DockerExecutors } from './docker.ts'
import { type DockerOptions, directoryOf } from './docker-executor.ts'
import type { EngineFacts } from './engine.ts'

export interface ProbeFailure {
  reason:
    | 'remote-engine'
    | 'other-path'
    | 'selinux'
    | 'user-namespace'
    | 'docker-desktop'
    | 'hand-over-failed'
    | 'engine-refused'
  /** What is wrong and how to mend it. */
  message: string
}

/** How disk_limit holds. */
export interface DiskLimit {
  /** The engine enforces it on the layer of a container. */
  enforced: boolean
  unseen: DiskUse['unseen']
}

const repo = 'localhost/runner-probe'
// podman calls what it imports so, whatever it is told.
const tag = 'latest'

export interface Probed {
  /** Why no container that jobs get here can have a second one; absent where it can. */
  once?: string
  disk: DiskLimit
}

/** Resolves when a job was handed over, heard of and taken back. `engine` is what it says of itself. */
export async function probe(
  options: DockerOptions,
  engine: EngineFacts,
  edges: Edges,
): Promise<Result<Probed, ProbeFailure>> {
  const made = await options.engine.call('take an image', async (docker, abortSignal) => {
    const known = await docker.inspectImage(`${repo}:${tag}`, abortSignal).then(
      () => true,
      () => false,
    )
    if (known) return
    const stream = await docker.importImage(Readable.from([emptyTar()]), { repo, tag, abortSignal })
    for await (const _ of stream);
  })
  if (!made.ok) return fail({ reason: 'engine-refused', message: made.failure.message })
  // Its image is runner's own, and its limits those of every job.
  const executors = new DockerExecutors({
    ...options,
    settings: { ...options.settings, images: ['*'], pull: 'never' },
  })
  const image = await executors.prepare(`${repo}:${tag}`)
  if (!image.ok) return fail({ reason: 'engine-refused', message: image.failure.message })
  const launched = await executors.launch(image.value, 'probe', true)
  if (!launched.ok) return fail(explain(launched.failure.message, options, engine))

  const executor = launched.value
  try {
    const secret = edges.chance.id()
    // What is left of a process that is killed here, the next one finds with its container.
    const spool = new Spool(join(directoryOf(options, executor.id), 'spool'))
    const execution = spool.add({
      execution_id: randomUUID(),
      kind: 'command',
      image: `${repo}:${tag}`,
      runner_group: 'probe',
      command: ['/.runner/control/busybox', 'sh', '-c', 'echo "$RUNNER_PROBE"'],
      env: { RUNNER_PROBE: secret },
      ...{ secret_env: {}, secrets: [], session_key: '', release_url: '', max_output_bytes: 0 },
      ...{ max_time_seconds: 20, abort_timeout_seconds: 1 },
    })
    let said = ''
    const onLog = (bytes: Uint8Array) => {
      said += Buffer.from(bytes).toString()
    }
    const watch = await startJob(execution, executor, image.value, {
      ...{ edges, diskLimit: Number.POSITIVE_INFINITY, onLog },
    })
    if (!watch.ok) return fail(explain(watch.failure.message, options, engine))
    const ended = await watch.value.ended
    if (ended.state !== 'ended')
      return fail(explain(ended.state === 'not-started' ? ended.message : ended.state, options, engine))
    if (ended.end.outcome !== 'succeeded' || said !== `${secret}\n`)
      return fail(explain(ended.end.error_message ?? 'its output did not come back', options, engine))
    const { unseen } = await executor.diskUse()
    const disk = { enforced: executors.enforcesDisk, unseen }
    if (await executor.sweep()) return ok({ disk })
    return ok({ once: executor.unfit ?? 'a container was not as it had been before its job', disk })
  } finally {
    await executor.remove()
  }
}

/** Which of the usual causes it is. */
export function explain(
  said: string,
  { engine, settings, workDir }: Pick<DockerOptions, 'engine' | 'settings' | 'workDir'>,
  facts: EngineFacts,
): ProbeFailure {
  const because = (reason: ProbeFailure['reason'], message: string): ProbeFailure => ({
    reason,
    message: `${message} (${said})`,
  })
  const hasNot = /source path does not exist|no such file or directory|not shared|mounts denied/i.test(said)
  if (/^(tcp|http):/.test(engine.address) && hasNot)
    return because(
      'remote-engine',
      `the engine at ${engine.address} is on another machine, which has no ${workDir}; use one on this host`,
    )
  if (/docker desktop/i.test(facts.system))
    return because(
      'docker-desktop',
      'Docker Desktop runs containers in a virtual machine, and what is handed over by files does not get there; use an engine on this host',
    )
  if (hasNot)
    return because(
      'other-path',
      `the engine does not find ${settings.host_work_dir ?? workDir}; if runner is in a container itself, set host_work_dir to what the engine's host calls it`,
    )
  if (facts.security.some(option => option.includes('selinux')) && /permission denied|EACCES/i.test(said))
    return because(
      'selinux',
      `SELinux keeps containers from ${workDir}; label it: chcon -Rt container_file_t ${workDir}`,
    )
  if (facts.security.some(option => /userns|rootless/.test(option)))
    return because(
      'user-namespace',
      `the engine runs containers in a user namespace, whose root cannot get to ${workDir}; let others pass through the directories above it (chmod o+x)`,
    )
  return because('hand-over-failed', 'a job could not be handed over to a container')
}

/** A tar archive with one empty directory: engines make no image of nothing at all. */
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
