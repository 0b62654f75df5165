import { createHash } from 'node:crypto'
import type { Chance } from '../../src/edges.ts'
import { type Context, newContext, type ServerSettings } from '../../src/server/rules/context.ts'
import { keysOf } from '../../src/store/seal-key.ts'

/** Chance that gives the same ids in each run. */
function countedChance(): Chance {
  let count = 0
  const next = () => createHash('sha256').update(String(count++)).digest()
  return { random: () => next().readUInt32BE() / 2 ** 32, id: () => next().toString('hex', 0, 16) }
}

/** The context of use cases in tests: the defaults of the protocol, a key, counted chance. */
export function makeContext(settings: Partial<ServerSettings> = {}, key = Buffer.alloc(32, 1)): Context {
  return newContext({
    settings: {
      lease_seconds: 60,
      confirm_within_seconds: 30,
      late_result_seconds: 86_400,
      ping_interval_seconds: 10,
      reserve_wait_seconds: 50,
      log_limit: 64 * 1024 * 1024,
      retention_days: 30,
      credentials_days: 30,
      audit_days: 365,
      max_output_bytes: 33_554_432,
      targets: [],
      ...settings,
    },
    keys: keysOf(key),
    chance: countedChance(),
  })
}
