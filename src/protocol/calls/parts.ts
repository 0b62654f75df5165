/* The parts that entries of calls share: callers, and pieces of addresses. */
import { Type } from 'typebox'
import { pageLimit } from '../call.ts'
import { Id, Name, strict } from '../messages/common.ts'

export { strict }
export const byId = Type.Object({ id: Id })
export const byName = Type.Object({ name: Name })
/** The roles that define, run and abort jobs. */
export const operator = ['admin', 'operator'] as const
/** The roles that run defined jobs. */
export const submitter = ['admin', 'operator', 'submitter'] as const
/** The roles that read all of a namespace. */
export const reader = ['admin', 'operator', 'viewer'] as const
/** The roles that read executions; a submitter reads only those that it has asked for. */
export const follower = ['admin', 'operator', 'viewer', 'submitter'] as const
export const admin = ['admin'] as const
export const runnerAlone = ['runner'] as const

/** Query parameters arrive as text; the server's validator turns these into numbers and booleans. */
export const page = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: pageLimit })),
  after: Type.Optional(Type.String({ maxLength: 256, description: '`next` of the page before' })),
}
export const pretty = {
  pretty: Type.Optional(Type.String({ maxLength: 5, description: 'indents the answer' })),
}
export const namespace = {
  namespace: Type.Optional(
    Type.Unsafe<string>({
      ...Name,
      description: "a namespace; by default the token's only one, else `default`",
    }),
  ),
}
export const narrowed = {
  namespace: Type.Optional(
    Type.Unsafe<string>({
      ...Name,
      description: 'only this namespace; by default all that the token may see',
    }),
  ),
}
export const paged = Type.Object({ ...page, ...pretty }, strict)
export const plain = Type.Object(pretty, strict)
export const inOne = Type.Object({ ...namespace, ...pretty }, strict)
export const inEach = Type.Object({ ...narrowed, ...pretty }, strict)
