/* The events by which a reader learns what has changed. */
import { type TSchema, Type } from 'typebox'
import { executionStates } from '../states.ts'
import { choice, Id, Name, nullable } from './common.ts'

/** Subjects of changes. */
export const changeTopics = ['execution', 'job', 'runner', 'group', 'schedule'] as const
export type ChangeTopic = (typeof changeTopics)[number]

const Count = Type.Integer({ minimum: 0, maximum: 9_007_199_254_740_991 })
const Position = Type.Object({ number: Count })
const of = <I extends TSchema, N extends TSchema>(id: I, namespace: N) => Type.Object({ id, namespace })

/** Every event of the stream by its name, with its data. */
export const changeEvents = {
  /** The first event: changes behind this number follow. */
  ready: Position,
  /** Changes were left out: all that is known may have changed. Those behind this number follow. */
  reset: Position,
  /** With the length of its log where that has grown. */
  execution: Type.Object({
    id: Id,
    namespace: Name,
    state: choice(executionStates),
    job_name: nullable(Name),
    log_length: Type.Optional(Count),
  }),
  job: of(Name, Name),
  runner: of(Id, Type.Null()),
  group: of(Name, Type.Null()),
  /** A schedule by the name of its job. Without an id: all schedules of the namespace, or all. */
  schedule: of(nullable(Name), nullable(Name)),
} as const
