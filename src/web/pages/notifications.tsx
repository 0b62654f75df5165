/* Notifications that wait, were sent or have failed, and the targets to which they go. */
import type { Notification, NotifyTarget, NotifyTest } from '../../protocol/messages/notifications.ts'
import { useList, usePage } from '../context.ts'
import { executionPath } from '../paths.ts'
import { ConfirmButton } from '../ui/form.tsx'
import { type Columns, Empty, ItemRows, ItemTable, Row } from '../ui/items.tsx'
import { Noted, Page, Time } from '../ui/show.tsx'

export function Notifications() {
  const all = useList<Notification>('/v1/notifications?limit=100', ({ id }) => id, ['execution', 'schedule'])
  const none = (
    <Empty
      text="Nobody had to be told anything yet. A job says whom to tell:"
      command="runner job put … --notify TARGET"
    />
  )
  return (
    <Page title="Notifications">
      <h2>Targets</h2>
      <Targets />
      <h2>Latest notifications</h2>
      <ItemTable of={all} empty={none} names="Text" columns={columns} />
    </Page>
  )
}

const columns: Columns<Notification> = {
  State: ({ state, error, sent_at, tries }) => (
    <Noted of={state} by={error !== null && sent_at === null && `${tries} tries; the last: ${error}`} />
  ),
  To: ({ to }) => to,
  Event: ({ event }) => event,
  Text: ({ execution_id: id, text }) => (id === null ? text : <a href={executionPath({ id })}>{text}</a>),
  Made: ({ created_at }) => <Time at={created_at} />,
  Sent: ({ sent_at }) => <Time at={sent_at} />,
}

function Targets() {
  const { server, notices } = usePage()
  const targets = useList<NotifyTarget>('/v1/notify?limit=200', ({ name }) => name, [])
  const test = async (name: string) => {
    const path = `/v1/notify/${encodeURIComponent(name)}/test`
    const { sent, error } = await server.json<NotifyTest>('POST', path)
    if (!sent) throw new Error(`${name} has not taken a test message: ${error}`)
  }
  return (
    <ItemRows
      of={targets}
      empty="There is none. A section [notify.NAME] in the configuration of the server makes one."
      row={({ name, type, namespaces }) => (
        <Row
          of={`${name} (${type}, ${namespaces === null ? 'all namespaces' : namespaces.join(', ')})`}
          beside={
            <ConfirmButton
              label="Test"
              subject={name}
              question={`A message that says that it is a test goes to ${name} now.`}
              does={() => notices.of(test(name), `${name} has taken a test message.`)}
            />
          }
        />
      )}
    />
  )
}
