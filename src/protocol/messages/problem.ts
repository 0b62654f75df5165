import { Type } from 'typebox'

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'urn:runner:problem:<reason>; programs match on it' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.Optional(Type.String({ description: 'the problem, and the next step' })),
    instance: Type.Optional(
      Type.String({ description: 'the id of the request, as in the log of the server' }),
    ),
    length: Type.Optional(
      Type.Integer({ description: 'of a log chunk with the wrong offset: the length so far' }),
    ),
  },
  { $id: 'Problem' },
)
