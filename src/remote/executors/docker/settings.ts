/* The settings with which the engine creates containers. */
import { basename, join } from 'node:path'
import type { ContainerCreateOptions } from 'dockerode'
import { defined } from '../../../result.ts'
import type { ImageFacts } from '../image.ts'
import { labels } from './labels.ts'
import type { DockerOptions } from './options.ts'
import { ownNetwork } from './own-network.ts'
import { accountFolder } from './staying-plugins.ts'

/** The paths of directories of the host in the container. */
const inside = { control: '/.runner/control', jobs: '/.runner/jobs', pipes: '/.runner/pipes' }

/**
 * The owner of directories that are emptied for the next job: another user than jobs run as, so that no job
 * can leave something in the attributes of the directories (supervisor.sh). A container whose jobs run as
 * this user gets one job alone. Debian calls the user `sys`.
 */
export const strangerId = 3

/** Options of the directories in memory. */
const tmpfs = 'rw,exec,nosuid,nodev,mode=1777'
const shared = `${tmpfs},uid=${strangerId}`

/**
 * Paths that engines make read-only by default, and the one that they leave writable with control groups of
 * version 1.
 */
const readonlyPaths = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
  '/sys/fs/cgroup',
]

/** The settings of a container. They leave out every power that a job does not need. */
export function containerSettings(
  executor: { id: string; name: string; group: string; directory: string; secretApi?: unknown },
  image: ImageFacts,
  { settings, runnerId, processors, workDir, once, ownKernel }: DockerOptions,
): ContainerCreateOptions {
  const source = join(settings.host_work_dir ?? workDir, basename(executor.directory))
  const bind = (name: string, Target: string, ReadOnly: boolean) => ({
    Type: 'bind' as const,
    Source: join(source, name),
    Target,
    ReadOnly,
  })
  const mount = (name: keyof typeof inside, readOnly: boolean) => bind(name, inside[name], readOnly)
  return {
    name: executor.name,
    Image: image.id,
    Entrypoint: [
      join(inside.control, 'busybox'),
      'sh',
      join(inside.control, 'supervise.sh'),
      ...(once === undefined ? [] : ['once']),
    ],
    Cmd: [],
    ...defined({ User: settings.user }),
    Labels: {
      [labels.runner]: runnerId,
      [labels.executor]: executor.id,
      [labels.group]: executor.group,
      [labels.directory]: executor.directory,
    },
    Healthcheck: { Test: ['NONE'] },
    // The supervisor ignores other signals, so `docker stop` would wait for nothing.
    StopSignal: 'SIGKILL',
    HostConfig: {
      Mounts: [
        mount('control', true),
        mount('jobs', false),
        ...(ownKernel ? [mount('pipes', false)] : []),
        ...(executor.secretApi ? [bind('account', accountFolder, true)] : []),
      ],
      // The engine makes the volumes of the image with the image's files, and removes them with the
      // container.
      Tmpfs: Object.fromEntries(
        ['/tmp', '/dev/shm'].map(path => [path, once === undefined ? shared : tmpfs]),
      ),
      NetworkMode: settings.network === ownNetwork ? executor.name : settings.network,
      ...defined({ Runtime: settings.runtime }),
      ReadonlyRootfs: settings.read_only,
      CapDrop: ['ALL'],
      CapAdd: settings.cap_add,
      SecurityOpt: ['no-new-privileges'],
      ReadonlyPaths: readonlyPaths,
      PidsLimit: settings.pids,
      Memory: settings.memory,
      MemorySwap: settings.memory,
      NanoCpus: Math.round(Math.min(settings.cpus, processors) * 1e9),
      // podman 4 applies no limits of its own to containers that are made over this socket.
      Ulimits: [
        { Name: 'core', Soft: 0, Hard: 0 },
        { Name: 'nofile', Soft: 8192, Hard: 8192 },
        { Name: 'fsize', Soft: settings.disk_limit, Hard: settings.disk_limit },
      ],
      RestartPolicy: { Name: 'no' },
    },
  }
}
