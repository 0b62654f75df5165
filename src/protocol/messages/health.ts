import { type Static, Type } from 'typebox'
import { choice } from './common.ts'

export const Health = Type.Object(
  { status: choice(['ok', 'failing']), store: choice(['ok', 'failing']), version: Type.String() },
  { $id: 'Health' },
)
export type Health = Static<typeof Health>
