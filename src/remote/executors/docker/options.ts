import type { ExecutorConfiguration } from '../../../config/sections/executor.ts'
import type { Edges } from '../../../edges.ts'
import type { Engine, EngineFacts } from './engine.ts'
import type { ImageCollector } from './image-gc.ts'
import type { StayingPlugins } from './staying-plugins.ts'

export interface DockerOptions {
  engine: Engine
  settings: ExecutorConfiguration
  /** The directory in which those of containers are made. */
  workDir: string
  /** The runner to which the containers belong. */
  runnerId: string
  /** The path of a static busybox (busybox.ts). */
  busybox: string
  /** The number of processors of the engine's host. */
  processors: number
  /** Why no container may have a second job, whatever the first job does; absent if it may. */
  once?: string | undefined
  /**
   * Whether the runtime of the containers has a kernel of its own, as gVisor: it must read what it starts,
   * and opens no FIFO for writing on a read-only mount. Absent: the kernel of the host is theirs.
   */
  ownKernel?: boolean | undefined
  /** Called when an image turns out to be one whose containers can have no second job. */
  onUnfit?: ((imageId: string, why: string) => void) | undefined
  /** Which plugins can stay for further jobs. */
  plugins: StayingPlugins
  /** The storage driver of the engine, and the directory in which it keeps containers. */
  disk: Pick<EngineFacts, 'storage' | 'root'>
  /** Is told which images are pulled and used; without it no image is ever removed. */
  collector?: ImageCollector | undefined
  edges: Edges
}
