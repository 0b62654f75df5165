/* Short messages about what somebody has just done. */
import { type Signal, signal } from '@preact/signals'

export interface Notice {
  id: number
  kind: 'done' | 'failed'
  text: string
}

/**
 * The time for which a message about a success stays, in ms; one about a failure stays until it is closed.
 */
const shown = 6000

export class Notices {
  readonly all: Signal<readonly Notice[]> = signal<readonly Notice[]>([])
  #next = 1

  done(text: string): void {
    const id = this.#add('done', text)
    setTimeout(() => this.close(id), shown)
  }

  failed(error: unknown): void {
    this.#add('failed', error instanceof Error ? error.message : String(error))
  }

  /**
   * Waits for something that somebody has asked for, and says how it went; without `done`, only why it has
   * failed.
   */
  async of(work: Promise<unknown>, done?: string): Promise<boolean> {
    try {
      await work
      if (done !== undefined) this.done(done)
      return true
    } catch (error) {
      this.failed(error)
      return false
    }
  }

  close(id: number): void {
    this.all.value = this.all.value.filter(notice => notice.id !== id)
  }

  #add(kind: Notice['kind'], text: string): number {
    const id = this.#next++
    this.all.value = [...this.all.value, { id, kind, text }]
    return id
  }
}
