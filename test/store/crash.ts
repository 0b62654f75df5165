import { join } from 'node:path'
import { execa } from 'execa'
import fc from 'fast-check'
import type { Test } from 'tap'
import type { Store } from '../../src/store/store.ts'
import '../support/reaper.ts'
import { runs } from '../support/tier.ts'

export interface CrashSubject {
  database: string
  keyFile: string
  open(): Promise<Store>
}

/** The number of times that the writing process is killed. */
export const crashes = runs(4)

/**
 * Kills a process that writes, again and again: every acknowledged unit of work is there, and none by halves.
 */
export async function crashTest(t: Test, { database, keyFile, open }: CrashSubject): Promise<void> {
  t.setTimeout(crashes * 20_000)
  const acknowledged = new Set<number>()
  let next = 0
  const child = join(import.meta.dirname, 'crash-child.ts')
  const afters = fc.sample(fc.integer({ min: 1, max: 300 }), { numRuns: crashes, seed: 7 })
  for (const after of afters) {
    const writing = execa(process.execPath, [child, database, keyFile, String(next)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      buffer: false,
      reject: false,
    })
    let heard = 0
    for await (const line of writing) {
      acknowledged.add(Number(line))
      if (++heard === after) writing.kill('SIGKILL')
    }
    t.equal((await writing).signal, 'SIGKILL')
    // Some writes were under way when the process was killed.
    next = Math.max(...acknowledged) + 100
    await using store = await open()
    const wrong = await store.read(async tx => {
      const wrong: string[] = []
      const logs = new Map<string, Set<string>>()
      for (let index = 0; index < 7; index++) {
        const bytes = await tx.readLog(`log-${index}`, 0, 1 << 20)
        logs.set(`log-${index}`, new Set(String(bytes).split('\n')))
      }
      for (let number = 0; number < next; number++) {
        const [left, right] = [await tx.meta(`left-${number}`), await tx.meta(`right-${number}`)]
        const logged = logs.get(`log-${number % 7}`)!.has(String(number))
        if (left !== right || logged !== (left !== undefined)) wrong.push(`${number} is there by halves`)
        if (acknowledged.has(number) && left === undefined) wrong.push(`${number} is lost`)
      }
      return wrong
    })
    t.same(wrong, [], `killed after ${heard} acknowledged writes`)
  }
}
