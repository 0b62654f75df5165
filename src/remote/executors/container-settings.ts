/* What the containers of executors get from the engine. */
import { basename, join } from 'node:path'
import type { ContainerCreateOptions } from 'dockerode'
import type { DockerOptions } from './docker-executor.ts'
import type { ImageFacts } from './order.ts'

/** Labels of every container: whose it is, which, of what runner group, and where its directory was made. */
export const labels = {
  runner: 'runner.uuid',
  executor: 'runner.executor',
  group: 'runner.group',
  directory: 'runner.directory',
} as const

/** What the container calls `control/` and `jobs/`. */
const inside = { control: '/.runner/control', jobs: '/.runner/jobs' }

/**
 * A user as whom no job runs, or else it is the only one in its container: owns directories that are emptied for the next
 * job, so that no job can leave something in their attributes (supervisor.sh). Debian calls it `sys`.
 */
export const strangerId = 3

/** Directories in memory. */
const tmpfs = 'rw,exec,nosuid,nodev,mode=1777'
const shared = `${tmpfs},uid=${strangerId}`

/** The engine's own, and what it leaves writable below /sys where control groups are of version 1. */
const readonlyPaths = [
  ...['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
  '/sys/fs/cgroup',
]

/** What the container gets. Everything that a job does not need is taken from it. */
export function containerSettings(
  executor: { id: string; name: string; group: string; directory: string },
  image: ImageFacts,
  { settings, runnerId, processors, workDir, once }: DockerOptions,
): ContainerCreateOptions {
  const source = join(settings.host_work_dir ?? workDir, basename(executor.directory))
  const mount = (name: 'control' | 'jobs', readOnly: boolean) => ({
    Type: 'bind' as const,
    Source: join(source, name),
    Target: inside[name],
    ReadOnly: readOnly,
  })
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
    ...(settings.user === undefined ? {} : { User: settings.user }),
    Labels: {
      [labels.runner]: runnerId,
      [labels.executor]: executor.id,
      [labels.group]: executor.group,
      [labels.directory]: executor.directory,
    },
    Healthcheck: { Test: ['NONE'] },
    // A person's `docker stop` need not wait for a PID 1 that takes no signal.
    StopSignal: 'SIGKILL',
    HostConfig: {
      Mounts: [mount('control', true), mount('jobs', false)],
      // The image's volumes are made by the engine, with what the image has there, and go with the container.
      Tmpfs: Object.fromEntries(
        ['/tmp', '/dev/shm'].map(path => [path, once === undefined ? shared : tmpfs]),
      ),
      NetworkMode: settings.network,
      ReadonlyRootfs: settings.read_only,
      CapDrop: ['ALL'],
      CapAdd: settings.cap_add,
      SecurityOpt: ['no-new-privileges'],
      ReadonlyPaths: readonlyPaths,
      PidsLimit: settings.pids,
      Memory: settings.memory,
      MemorySwap: settings.memory,
      NanoCpus: Math.round(Math.min(settings.cpus, processors) * 1e9),
      // podman 4 takes none of its own over this socket.
      Ulimits: [
        { Name: 'core', Soft: 0, Hard: 0 },
        { Name: 'nofile', Soft: 8192, Hard: 8192 },
        { Name: 'fsize', Soft: settings.disk_limit, Hard: settings.disk_limit },
      ],
      RestartPolicy: { Name: 'no' },
    },
  }
}
