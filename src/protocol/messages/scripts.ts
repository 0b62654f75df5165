/* Scripts, which one runner gets over its command channel. */
import { type Static, Type } from 'typebox'
import { Id, Image, Seconds, strict, Word } from './common.ts'
import { InputContext } from './jobs.ts'

export const Script = Type.Object(
  {
    image: Image,
    command: Type.Array(Word, { minItems: 1, maxItems: 4096 }),
    input: Type.Optional(InputContext),
    runner_id: Type.Optional(Id),
    wait_seconds: Type.Optional(Seconds(50)),
  },
  { $id: 'Script', ...strict },
)
export type Script = Static<typeof Script>
export const ScriptPending = Type.Object({ id: Id }, { $id: 'ScriptPending' })
