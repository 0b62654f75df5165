/*
 * Many runners, sessions, operators, clocks that jump and servers that are away, at random, against a model: after
 * each step the store has what the model says.
 */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import pg from 'pg'
import t from 'tap'
import { onEveryDatabase } from '../../support/databases.ts'
import { knowing } from '../../support/outbox-rig.ts'
import { named } from '../../support/server-caller.ts'
import { lateResult } from '../../support/server-model.ts'
import {
  aborts,
  deletes,
  modes,
  patches,
  redefines,
  scripts,
  submits,
  undeletes,
} from '../../support/server-model-operators.ts'
import {
  confirms,
  heartbeats,
  leaves,
  polls,
  registers,
  results,
  works,
} from '../../support/server-model-runners.ts'
import { begin } from '../../support/server-model-step.ts'
import { jumps, outages, restarts, waits } from '../../support/server-model-time.ts'
import { makeServerRig } from '../../support/server-rig.ts'
import { runs } from '../../support/tier.ts'

const histories = runs(50)
t.setTimeout(60_000 + histories * 600)
const steps = [
  submits,
  submits,
  submits,
  submits,
  works,
  works,
  works,
  works,
  polls,
  polls,
  confirms,
  heartbeats,
  heartbeats,
  heartbeats,
  heartbeats,
  results,
  results,
  waits,
  waits,
  waits,
  aborts,
  aborts,
  patches,
  modes,
  scripts,
  redefines,
  registers,
  leaves,
  deletes,
  undeletes,
  undeletes,
  outages,
  jumps,
  restarts,
]

onEveryDatabase(
  t,
  'whatever happens, the store has what the protocol says',
  async (t, database, directory) => {
    await using rig = await makeServerRig(database, directory, {
      late_result_seconds: lateResult / 1000,
      ...knowing('ops'),
    })
    await using other = await openBeside(database)
    // A round trip to PostgreSQL takes longer.
    const numRuns = rig.store.engine === 'sqlite' ? histories : Math.ceil(histories / 4)
    await fc.assert(
      fc.asyncProperty(fc.commands(steps, { maxCommands: 60, size: '+2' }), async commands => {
        for (const table of ['executions', 'definitions', 'logs', 'runners', 'groups', 'notices'])
          await other.run(`DELETE FROM ${table}`)
        await other.run("DELETE FROM meta WHERE id = 'sweep.tick'")
        // A writer that fails behind a statement of its own has the store forget all that it remembers.
        const failing = rig.write(async tx => {
          await tx.deleteJob(named('none'))
          throw new Error('forget')
        })
        await assert.rejects(failing, /forget/)
        rig.restart()
        await fc.asyncModelRun(async () => ({ model: await begin(rig), real: rig }), commands)
      }),
      { numRuns },
    )
    t.pass()
  },
)

/** A connection of its own, for what no use case does: all runs go on in one store, each with an empty one. */
async function openBeside(database: string): Promise<AsyncDisposable & { run(sql: string): Promise<void> }> {
  if (database.startsWith('sqlite:')) {
    const sqlite = new DatabaseSync(database.slice('sqlite:'.length))
    return { run: async sql => sqlite.exec(sql), [Symbol.asyncDispose]: async () => sqlite.close() }
  }
  const client = new pg.Client(database)
  await client.connect()
  await client.query('SET search_path TO runner')
  return {
    run: async sql => void (await client.query(sql)),
    [Symbol.asyncDispose]: () => client.end(),
  }
}
