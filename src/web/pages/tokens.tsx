/* Tokens: who may call the server, and for how long. */
import { useState } from 'preact/hooks'
import type { Token, TokenCreate } from '../../protocol/messages/tokens.ts'
import { usePage } from '../context.ts'
import { useList } from '../list.ts'
import { Command, ConfirmButton, More } from '../ui/confirm.tsx'
import { Empty, Loaded, Time } from '../ui/show.tsx'
import { Table } from '../ui/table.tsx'
import { Title } from '../ui/title.tsx'

const kinds = [
  'viewer',
  'submitter',
  'operator',
  'registration',
  'admin',
] as const satisfies TokenCreate['kind'][]

/** The choices for how long a token is good, in seconds. */
const lives = [
  { seconds: 86_400, text: 'a day' },
  { seconds: 2_592_000, text: '30 days' },
  { seconds: 31_536_000, text: 'a year' },
  { seconds: 0, text: 'until it is revoked' },
]

export function Tokens() {
  const { session } = usePage()
  if (session.role !== 'admin')
    return (
      <>
        <Title text="Tokens" />
        <Empty>Only administrators see tokens.</Empty>
      </>
    )
  return <AllTokens />
}

function AllTokens() {
  const { server, notices } = usePage()
  const tokens = useList<Token>('/v1/tokens?limit=200', ({ id }) => id, { topics: [] })
  const [made, setMade] = useState<string>()
  const create = async (form: FormData) => {
    const seconds = Number(form.get('life'))
    const body = {
      kind: String(form.get('kind')),
      name: String(form.get('name')),
      ...(seconds === 0 ? {} : { expires_in_seconds: seconds }),
    }
    try {
      const { token } = await server.json<{ token: string }>('POST', '/v1/tokens', { body })
      setMade(token)
      tokens.refresh()
    } catch (error) {
      notices.failed(error)
    }
  }
  return (
    <>
      <Title text="Tokens">
        <ConfirmButton
          label="Make a token"
          question="The text of the token is shown once. Give each person and program a token of its own."
          onConfirm={create}
        >
          <label>
            Name <input name="name" required maxLength={128} />
          </label>
          <label>
            Kind
            <select name="kind">
              {kinds.map(kind => (
                <option key={kind}>{kind}</option>
              ))}
            </select>
          </label>
          <label>
            Good for
            <select name="life" defaultValue="2592000">
              {lives.map(({ seconds, text }) => (
                <option key={seconds} value={seconds}>
                  {text}
                </option>
              ))}
            </select>
          </label>
        </ConfirmButton>
      </Title>
      {made !== undefined && (
        <div class="secret" role="status">
          <p>Keep this text: it is not shown again.</p>
          <Command text={made} />
          <button type="button" class="quiet" onClick={() => setMade(undefined)}>
            Hide it
          </button>
        </div>
      )}
      <Loaded of={tokens}>
        {all => (
          <Table
            of={all}
            keyOf={({ id }) => id}
            columns={[
              { title: 'Name', is: 'name', show: ({ name }) => name },
              { title: 'Kind', show: ({ kind }) => kind },
              { title: 'Namespaces', show: ({ namespaces }) => namespaces?.join(', ') ?? '–' },
              { title: 'Made', show: ({ created_at }) => <Time at={created_at} /> },
              {
                title: 'Expires',
                show: ({ expires_at }) => (expires_at === null ? 'never' : <Time at={expires_at} />),
              },
              { title: 'Last used', show: ({ last_used_at }) => <Time at={last_used_at} /> },
              { title: 'Revoke', show: token => <Revoke token={token} refresh={tokens.refresh} /> },
            ]}
          />
        )}
      </Loaded>
      <More more={tokens.more} />
    </>
  )
}

function Revoke({ token: { id, name }, refresh }: { token: Token; refresh(): void }) {
  const { server, notices } = usePage()
  const revoke = async () => {
    await notices.of(server.json('DELETE', `/v1/tokens/${id}`), `Token ${name} is revoked.`)
    refresh()
  }
  const question = `Whoever uses the token ${name} is refused within 5 seconds.`
  return <ConfirmButton label="Revoke" subject={name} danger question={question} onConfirm={revoke} />
}
