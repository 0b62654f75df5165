import type { PullProgress } from '../image.ts'

/** One line of the engine's progress of a pull. */
export interface PullLine {
  error?: string
  id?: string
  status?: string
  progressDetail?: { current?: number; total?: number }
}

interface Layer {
  done: boolean
  current: number
  total: number
}

/** Adds up the progress of all layers of one image. */
export class PullSum {
  readonly #image: string
  readonly #layers = new Map<string, Layer>()

  constructor(image: string) {
    this.#image = image
  }

  /** Takes a line; undefined if the line is not about a layer. */
  take({ id, status, progressDetail }: PullLine): PullProgress | undefined {
    if (id === undefined || status === undefined || status.startsWith('Pulling from')) return undefined
    const layer = this.#layers.get(id) ?? { done: false, current: 0, total: 0 }
    if (/^(Pull complete|Already exists)/.test(status)) layer.done = true
    if (status === 'Downloading') {
      layer.current = progressDetail?.current ?? 0
      layer.total = progressDetail?.total ?? 0
    }
    this.#layers.set(id, layer)
    return this.#sum()
  }

  #sum(): PullProgress {
    const layers = [...this.#layers.values()]
    const add = (bytesOf: (layer: Layer) => number) => layers.reduce((sum, layer) => sum + bytesOf(layer), 0)
    return {
      image: this.#image,
      layers: layers.length,
      layers_done: layers.filter(({ done }) => done).length,
      bytes: add(({ done, current, total }) => (done ? total : current)),
      bytes_known: add(({ total }) => total),
    }
  }
}
