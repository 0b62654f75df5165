import t from 'tap'
import { factsOf } from '../../../src/server/rules/audit-facts.ts'
import { AuditExport } from '../../../src/server/upkeep/audit-export.ts'
import type { AuditRow } from '../../../src/store/rows.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const add = (rig: ServerRig, object: string) => rig.write(async tx => tx.audit(factsOf('putJob', { object })))

/** An export of a rig, the entries that have arrived at the other place, and the messages. */
function exportOf({ store }: ServerRig) {
  const arrived: (string | null)[] = []
  const told: (string | undefined)[] = []
  const place: { problem: string | undefined } = { problem: undefined }
  const audit = new AuditExport({
    store,
    clock: new ManualClock(),
    passOn: async (entries: readonly AuditRow[]) => {
      if (place.problem === undefined) arrived.push(...entries.map(({ object }) => object))
      return place.problem
    },
    tell: problem => told.push(problem),
    failed: error => {
      throw error
    },
  })
  return { audit, arrived, told, place }
}

onEachStore(t, 'entries arrive in their order, once, also those of before a restart', async (t, rig) => {
  const first = exportOf(rig)
  for (let n = 0; n < 250; n++) await add(rig, String(n))
  t.equal(await first.audit.passOnAll(), true)
  await add(rig, 'while it is away')
  const second = exportOf(rig)
  await second.audit.passOnAll()
  await second.audit.passOnAll()
  t.same(
    first.arrived,
    Array.from({ length: 250 }, (_, n) => String(n)),
  )
  t.same(second.arrived, ['while it is away'])
})

onEachStore(t, 'what the other place does not take is tried again, and told once', async (t, rig) => {
  const { audit, arrived, told, place } = exportOf(rig)
  place.problem = 'logger(1) is not installed'
  await add(rig, 'a')
  for (let n = 0; n < 3; n++) t.equal(await audit.passOnAll(), false)
  await add(rig, 'b')
  place.problem = undefined
  t.equal(await audit.passOnAll(), true)
  t.same(arrived, ['a', 'b'])
  t.same(told, ['logger(1) is not installed', undefined])
})

onEachStore(t, 'it runs until it is stopped, and passes on what comes', async (t, rig) => {
  const { audit, arrived } = exportOf(rig)
  const stop = new AbortController()
  const unsubscribe = rig.store.subscribe(topic => topic.about === 'audit' && audit.wake())
  const running = audit.run(stop.signal)
  await add(rig, 'a')
  stop.abort()
  await running
  await audit.passOnAll()
  unsubscribe()
  t.same(arrived, ['a'])
})
