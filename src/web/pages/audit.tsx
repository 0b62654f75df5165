/* The audit log: changes, and the people and programs that made them. */
import { useLocation } from 'preact-iso/router'
import type { AuditEntry } from '../../protocol/messages/audit.ts'
import { useList } from '../context.ts'
import { pathTo } from '../paths.ts'
import { valuesOf } from '../query.ts'
import { Field, Filters } from '../ui/form.tsx'
import { type Columns, ItemTable } from '../ui/items.tsx'
import { Noted, Page, Time } from '../ui/show.tsx'

/** The filters of the call that the page has fields for. */
const filters = { token: 'Token', call: 'Call', namespace: 'Namespace', object: 'Object' }

export function Audit() {
  const asked = valuesOf(useLocation().query, Object.keys(filters))
  const query = new URLSearchParams({ limit: '100', ...asked })
  const list = useList<AuditEntry>(`/v1/audit?${query}`, ({ number }) => number, [])
  return (
    <Page title="Audit log">
      <Filters>
        {Object.entries(filters).map(([name, label]) => (
          <Field key={name} label={label} name={name} defaultValue={asked[name]} />
        ))}
      </Filters>
      <ItemTable of={list} empty="No entry fits." columns={columns} />
    </Page>
  )
}

/** The subject of a call, as a link if the page shows such things. */
function AuditObject({ of: { object, path, namespace } }: { of: AuditEntry }) {
  const [, part] = /^\/v1\/(executions|jobs|runners)\b/.exec(path ?? '') ?? []
  if (object === null || part === undefined) return <>{object ?? '–'}</>
  return <a href={pathTo(part, object, namespace)}>{object}</a>
}

const columns: Columns<AuditEntry> = {
  Number: ({ number }) => number,
  Time: ({ at }) => <Time at={at} />,
  Who: ({ token_name, token_kind, address }) => (
    <Noted of={token_name ?? 'the server'} by={[token_kind, address].filter(Boolean).join(', ')} />
  ),
  Call: ({ call, count }) => (count > 1 ? `${call}, ${count} times` : call),
  Object: entry => <AuditObject of={entry} />,
  Answer: ({ status, reason }) => [status ?? '–', reason].join(' '),
  Change: ({ before, after }) =>
    before === null && after === null ? (
      '–'
    ) : (
      <details>
        <summary>Show it</summary>
        <h2>Before</h2>
        <pre>{JSON.stringify(before, null, 2)}</pre>
        <h2>After</h2>
        <pre>{JSON.stringify(after, null, 2)}</pre>
      </details>
    ),
}
