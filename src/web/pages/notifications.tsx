/* Notifications that wait, were sent or have failed, and the targets to which they go. */
import type { Notification, NotifyTarget, NotifyTest } from '../../protocol/messages/notifications.ts'
import { usePage } from '../context.ts'
import { useList } from '../list.ts'
import { mayOperate } from '../session.ts'
import { ConfirmButton, More } from '../ui/confirm.tsx'
import { Empty, Loaded, Time } from '../ui/show.tsx'
import { Table } from '../ui/table.tsx'
import { Title } from '../ui/title.tsx'

export function Notifications() {
  const list = useList<Notification>('/v1/notifications?limit=100', ({ id }) => id, {
    topics: ['execution', 'schedule'],
  })
  return (
    <>
      <Title text="Notifications" />
      <Targets />
      <h2>The latest</h2>
      <Loaded of={list}>
        {all =>
          all.length === 0 ? (
            <Empty>
              <p>Nobody had to be told anything yet.</p>
              <p>
                A job says whom to tell: <code>runner job put … --notify TARGET</code>.
              </p>
            </Empty>
          ) : (
            <Table
              of={all}
              keyOf={({ id }) => id}
              columns={[
                { title: 'State', show: notification => <Sent of={notification} /> },
                { title: 'To', show: ({ to }) => to },
                { title: 'Event', show: ({ event }) => event },
                {
                  title: 'Text',
                  is: 'name',
                  show: ({ execution_id: id, text }) =>
                    id === null ? text : <a href={`/executions/${id}`}>{text}</a>,
                },
                { title: 'Made', show: ({ created_at }) => <Time at={created_at} /> },
                { title: 'Sent', show: ({ sent_at }) => <Time at={sent_at} /> },
              ]}
            />
          )
        }
      </Loaded>
      <More more={list.more} />
    </>
  )
}

function Sent({ of: { state, error, sent_at, tries } }: { of: Notification }) {
  return (
    <>
      {state}
      {error !== null && sent_at === null && (
        <div class="hint">
          {tries} tries; the last: {error}
        </div>
      )}
    </>
  )
}

function Targets() {
  const { server, notices, session } = usePage()
  const targets = useList<NotifyTarget>('/v1/notify?limit=200', ({ name }) => name, { topics: [] })
  const test = async (name: string) => {
    try {
      const { sent, error } = await server.json<NotifyTest>(
        'POST',
        `/v1/notify/${encodeURIComponent(name)}/test`,
      )
      if (sent) notices.done(`${name} has taken a test message.`)
      else notices.failed(`${name} has not taken a test message: ${error}`)
    } catch (error) {
      notices.failed(error)
    }
  }
  return (
    <>
      <h2>Targets</h2>
      <Loaded of={targets}>
        {all =>
          all.length === 0 ? (
            <p class="hint">
              There is none. A section <code>[notify.NAME]</code> in the configuration of the server makes
              one.
            </p>
          ) : (
            <ul class="targets">
              {all.map(({ name, type, namespaces }) => (
                <li key={name}>
                  {name} ({type}, {namespaces === null ? 'all namespaces' : namespaces.join(', ')}){' '}
                  {mayOperate(session) && (
                    <ConfirmButton
                      label="Test"
                      subject={name}
                      question={`A message that says that it is a test goes to ${name} now.`}
                      onConfirm={() => test(name)}
                    />
                  )}
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </>
  )
}
