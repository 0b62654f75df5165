/*
 * Writes into the store that it is told of until it is killed. Prints a line for each write that was acknowledged:
 * its number.
 */
import { writeSync } from 'node:fs'
import { openStore } from '../../src/store/open.ts'
import { log } from '../support/rows.ts'
import { named } from '../support/server-caller.ts'

const [database, keyFile, first] = process.argv.slice(2) as [string, string, string]
const opened = await openStore({ database, keyFile })
if (!opened.ok) throw new Error(opened.failure.detail)
const { store } = opened.value

let next = Number(first)
/** One write changes two values and adds to a log: all of it is there afterwards, or nothing. */
async function writeOn(): Promise<never> {
  for (;;) {
    const number = next++
    const id = `log-${number % 7}`
    await store.write(async tx => {
      tx.setMeta(`left-${number}`, String(number))
      // A statement that must see what was put: behind a savepoint.
      if (number % 5 === 0) await tx.deleteJob(named('none'))
      const length = (await tx.log(id))?.length ?? 0
      await tx.writeLog(id, length, Buffer.from(`${number}\n`))
      tx.putLog(log(id, length + String(number).length + 1, { final_length: 1 }))
      tx.setMeta(`right-${number}`, String(number))
    })
    writeSync(1, `${number}\n`)
  }
}
await Promise.all(Array.from({ length: 8 }, writeOn))
