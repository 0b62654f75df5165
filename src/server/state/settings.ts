/* The settings of the server, one value of the store. */
import { Settings } from '../../protocol/messages/settings.ts'
import { checkOf } from '../../protocol/validation.ts'
import { ok, type Result } from '../../result.ts'
import { compileBlackouts } from '../../schedule/blackouts.ts'
import { StoreFailure } from '../../store/failure.ts'
import type { Reader } from '../../store/reader.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'

const settingsKey = 'settings'
const none: Settings = { namespaces: {} }

/** The settings in force; of a store that has none, those that set no limit. */
export async function settingsIn(tx: Reader, { memory }: Pick<Context, 'memory'>): Promise<Settings> {
  const text = await tx.meta(settingsKey)
  if (text === undefined) return none
  if (memory.settings?.text === text) return memory.settings.value
  const value = parsed(text)
  memory.settings = { text, value }
  return value
}

/** Sets them, where all that they name can be meant. */
export function putSettings(
  tx: Writer,
  settings: Settings,
  { memory }: Pick<Context, 'memory'>,
): Result<void, Refusal> {
  const blackouts = compileBlackouts(settings.blackouts ?? [], 'server', memory.schedules)
  if (!blackouts.ok) return refuse('malformed', `blackouts in the body: ${blackouts.failure}`)
  tx.setMeta(settingsKey, JSON.stringify(settings))
  return ok(undefined)
}

/** Settings that cannot be read stop the call: without them it would ignore a rule. */
function parsed(text: string): Settings {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  const checked = checkOf<Settings>('body', Settings)(value)
  if (checked.ok) return checked.value
  throw new StoreFailure('damaged', `the settings of the server cannot be read: ${checked.failure}`)
}
