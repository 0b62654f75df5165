/* The refusals of calls that name something which does not exist. */

import type { JobName } from '../../store/filters.ts'
import { defaultNamespace } from '../../store/rows.ts'
import { refuse } from './refusal.ts'

export const noGroup = (name: string) =>
  refuse('not-found', `there is no group ${name}: no runner has named it, and no execution waits for it`)

export const noRunner = () => refuse('not-found', 'there is no runner with this id')

export const noJob = ({ namespace, name }: JobName) =>
  refuse(
    'not-found',
    `there is no job ${name}${namespace === defaultNamespace ? '' : ` in namespace ${namespace}`}`,
  )

export const noExecution = () => refuse('not-found', 'there is no execution with this id')
