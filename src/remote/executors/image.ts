/** The facts of an image that a job needs. */
export interface ImageFacts {
  /** The id by content: `sha256:…`. */
  id: string
  /** The name by which the image was asked for. */
  reference: string
  entrypoint: readonly string[]
  command: readonly string[]
  /** `NAME=value`. */
  env: readonly string[]
  workdir: string
  /**
   * The digest by which its registry has it in the repository that was asked for; undefined: it has come from
   * no registry.
   */
  digest: string | undefined
  /** Empty where it has none. */
  stop_signal: string
  volumes: readonly string[]
  architecture: string
}

/** The progress of a pull. */
export interface PullProgress {
  image: string
  layers: number
  layers_done: number
  /** Bytes that have come, of those that are known of. */
  bytes: number
  bytes_known: number
}

const mebibytes = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(0)} MiB`

/** The progress of a pull, on one line. */
export const pullText = ({ image, layers, layers_done, bytes, bytes_known }: PullProgress): string =>
  `fetching ${image}: ${layers_done} of ${layers} layers, ${mebibytes(bytes)} of ${mebibytes(bytes_known)}`
