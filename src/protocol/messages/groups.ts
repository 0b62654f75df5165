/* Runner groups, as operators see and set them. */
import { type Static, Type } from 'typebox'
import { choice, Id, list, Name, nullable, ShownProblem, strict } from './common.ts'

export const Group = Type.Object(
  {
    name: Name,
    mode: choice(['all', 'leader']),
    leader_runner_id: nullable(Id),
    pinned_runner_id: nullable(Id),
    runners: Type.Integer(),
    problem: ShownProblem,
  },
  { $id: 'Group' },
)
export type Group = Static<typeof Group>
export const GroupList = list('GroupList', Group)
export const GroupPatch = Type.Object(
  {
    mode: Type.Optional(choice(['all', 'leader'])),
    pinned_runner_id: Type.Optional(nullable(Id)),
  },
  { $id: 'GroupPatch', minProperties: 1, ...strict },
)
export type GroupPatch = Static<typeof GroupPatch>
