/* The rules of a server for its namespaces, which administrators set. */
import { type Static, Type } from 'typebox'
import { asciiWord } from '../../system/printable.ts'
import { strict } from './common.ts'
import { Notify } from './jobs.ts'
import { Blackouts } from './schedules.ts'

const Count = (maximum: number, description: string, minimum = 0) =>
  Type.Optional(Type.Integer({ minimum, maximum, description }))

/** The rules of one namespace; a field that is absent sets no limit. */
export const NamespaceRules = Type.Object(
  {
    images: Type.Optional(
      Type.Array(Type.String({ pattern: `^${asciiWord}{1,512}$` }), {
        maxItems: 256,
        uniqueItems: true,
        description: 'patterns of the images that may run, in which `*` stands for any characters',
      }),
    ),
    digests_only: Type.Optional(
      Type.Boolean({ description: 'images are named by their digests, `…@sha256:…`' }),
    ),
    queued: Count(10_000_000, 'executions that may be queued at once'),
    submits_per_minute: Count(10_000_000, 'executions that may be asked for in a minute'),
    token_submits_per_minute: Count(10_000_000, 'the same for each token'),
    log_bytes_per_hour: Count(Number.MAX_SAFE_INTEGER, 'bytes of logs that runners may send in an hour'),
    output_bytes_per_hour: Count(
      Number.MAX_SAFE_INTEGER,
      'bytes of outputs of plugins that runners may send in an hour; the first of an hour may be larger',
      1,
    ),
    notify: Type.Optional(
      Type.Unsafe<Notify>({
        ...Notify,
        description: 'the targets that are told about jobs that name none themselves',
      }),
    ),
  },
  { $id: 'NamespaceRules', ...strict },
)
export type NamespaceRules = Static<typeof NamespaceRules>

export const Settings = Type.Object(
  {
    namespaces: Type.Record(
      Type.String({ pattern: '^([A-Za-z0-9][A-Za-z0-9._-]{0,127}|\\*)$' }),
      NamespaceRules,
      {
        ...strict,
        maxProperties: 1000,
        description: 'by name; the rules of `*` hold where a namespace has none of its own',
      },
    ),
    blackouts: Type.Optional(Blackouts),
  },
  { $id: 'ServerSettings', ...strict },
)
export type Settings = Static<typeof Settings>
