/* The audit log: who has changed what. */
import { useLocation } from 'preact-iso/router'
import type { AuditEntry } from '../../protocol/messages/audit.ts'
import { usePage } from '../context.ts'
import { useList } from '../list.ts'
import { More } from '../ui/confirm.tsx'
import { Empty, Loaded, Time } from '../ui/show.tsx'
import { type Column, Table } from '../ui/table.tsx'
import { Title } from '../ui/title.tsx'

/** The filters of the call that the page has fields for. */
const filters = [
  { name: 'token', label: 'Token' },
  { name: 'call', label: 'Call' },
  { name: 'namespace', label: 'Namespace' },
  { name: 'object', label: 'Object' },
] as const

export function Audit() {
  const { session } = usePage()
  return (
    <>
      <Title text="Audit log" />
      {session.role === 'admin' ? <Entries /> : <Empty>Only administrators see the audit log.</Empty>}
    </>
  )
}

function Entries() {
  const { query, route, path } = useLocation()
  const asked = new URLSearchParams(query)
  const search = new URLSearchParams(
    filters.flatMap(({ name }): [string, string][] => {
      const value = asked.get(name)
      return value ? [[name, value]] : []
    }),
  )
  const list = useList<AuditEntry>(
    `/v1/audit?limit=100${search.size > 0 ? `&${search}` : ''}`,
    ({ number }) => number,
    {
      topics: [],
    },
  )
  const find = (event: SubmitEvent) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    const wanted = new URLSearchParams()
    for (const { name } of filters) {
      const value = String(form.get(name) ?? '').trim()
      if (value !== '') wanted.set(name, value)
    }
    route(`${path}?${wanted}`)
  }
  return (
    <>
      <form class="filters" onSubmit={find}>
        {filters.map(({ name, label }) => (
          <label key={name}>
            {label} <input name={name} defaultValue={asked.get(name) ?? ''} />
          </label>
        ))}
        <button type="submit">Find</button>
      </form>
      <Loaded of={list}>
        {entries =>
          entries.length === 0 ? (
            <Empty>No entry fits.</Empty>
          ) : (
            <Table of={entries} keyOf={({ number }) => number} columns={columns} />
          )
        }
      </Loaded>
      <More more={list.more} />
    </>
  )
}

const columns: readonly Column<AuditEntry>[] = [
  { title: 'Number', is: 'number', show: ({ number }) => number },
  { title: 'Time', show: ({ at }) => <Time at={at} /> },
  {
    title: 'Who',
    show: ({ token_name, token_kind, address }) => (
      <>
        {token_name ?? 'the server'}
        <div class="hint">{[token_kind, address].filter(Boolean).join(', ')}</div>
      </>
    ),
  },
  { title: 'Call', show: ({ call, count }) => (count > 1 ? `${call}, ${count} times` : call) },
  { title: 'Object', show: ({ object }) => object ?? '–' },
  { title: 'Answer', show: ({ status, reason }) => [status ?? '–', reason].join(' ') },
  { title: 'Change', show: entry => <ChangeOf entry={entry} /> },
]

function ChangeOf({ entry: { before, after } }: { entry: AuditEntry }) {
  if (before === null && after === null) return <>–</>
  return (
    <details>
      <summary>Show it</summary>
      <h2>Before</h2>
      <pre>{JSON.stringify(before, null, 2)}</pre>
      <h2>After</h2>
      <pre>{JSON.stringify(after, null, 2)}</pre>
    </details>
  )
}
