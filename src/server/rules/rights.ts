/*
 * The namespaces that a token reaches. Every check of a namespace is one of these functions; which kinds of
 * token a call takes stands in protocol/api.ts, and the authenticator checks that.
 */
import type { Reach } from '../../protocol/call.ts'
import type { ChangeTopic } from '../../protocol/messages/events.ts'
import { everyNamespace } from '../../protocol/messages/token-kinds.ts'
import { defined, ok, type Result } from '../../result.ts'
import type { Change } from '../../store/change.ts'
import type { ExecutionFilter } from '../../store/filters.ts'
import { defaultNamespace, type ExecutionRow, type TokenRow } from '../../store/rows.ts'
import { type Refusal, refuse } from './refusal.ts'

/** The reach of the caller of one call. */
export interface Rights {
  /** Only what is in these namespaces; undefined: all of them. */
  namespaces: readonly string[] | undefined
  /** The namespace of a call about one name. */
  namespace: string
  /** The token of a submitter, which sees only what it has asked for; undefined: one of another kind. */
  submitter: string | undefined
}

/**
 * The rights of a token in a call. `asked` is the namespace that the call names; one in which the token does
 * not hold is refused, as is a call for all namespaces where the token holds in some.
 */
export function rightsOf(token: TokenRow, reach: Reach, asked: string | undefined): Result<Rights, Refusal> {
  const held =
    token.namespaces === null || token.namespaces.includes(everyNamespace) ? undefined : token.namespaces
  const submitter = token.kind === 'submitter' ? token.id : undefined
  const namespace = asked ?? (held?.length === 1 ? held[0]! : defaultNamespace)
  const holds = held === undefined || held.includes(namespace)
  if (reach === 'all' && held !== undefined)
    return refuse(
      'wrong-namespace',
      'runners, groups and tokens belong to all namespaces, ' +
        `and ${wordsFor(token)}; use a token for all of them`,
    )
  if (!holds && (reach === 'name' || asked !== undefined))
    return refuse(
      'wrong-namespace',
      `${wordsFor(token)}, and the call is about ${namespace}; ` +
        'name another namespace, or use a token for that one',
    )
  return ok({ namespaces: asked === undefined ? held : [asked], namespace, submitter })
}

const wordsFor = ({ name, namespaces }: TokenRow): string =>
  `the token ${name} holds in ${(namespaces ?? []).join(', ')} only`

/** Whether something in a namespace may be reached. */
export const reaches = ({ namespaces }: Rights, namespace: string): boolean =>
  namespaces === undefined || namespaces.includes(namespace)

/** Whether an execution may be seen, and changed by a call that the kind of token may make. */
export const sees = (
  rights: Rights,
  { namespace, submitter }: Pick<ExecutionRow, 'namespace' | 'submitter'>,
): boolean => reaches(rights, namespace) && (rights.submitter === undefined || rights.submitter === submitter)

/**
 * Whether a change may be seen that is of one of the topics which a call about it shows to this kind of
 * token.
 */
export const seesChange = (
  rights: Rights,
  topics: ReadonlySet<ChangeTopic>,
  { topic, namespace, submitter }: Change,
): boolean =>
  topics.has(topic) &&
  (namespace === null || reaches(rights, namespace)) &&
  (rights.submitter === undefined || rights.submitter === submitter)

/** Whether nothing is hidden. */
export const seesAll = ({ namespaces, submitter }: Rights): boolean =>
  namespaces === undefined && submitter === undefined

/** The part of a filter of executions that leaves out what may not be seen. */
export const filterOf = ({
  namespaces,
  submitter,
}: Rights): Pick<ExecutionFilter, 'namespaces' | 'submitter'> => defined({ namespaces, submitter })
