/* Tokens: the callers of the server, and the time for which they may call. */
import { useState } from 'preact/hooks'
import type { ListedBrowserSession } from '../../protocol/messages/browser.ts'
import type { Token, TokenCreate } from '../../protocol/messages/tokens.ts'
import { type List, useCall, useList, usePage } from '../context.ts'
import { wordsOf } from '../texts.ts'
import { Button, Choice, Command, ConfirmButton, Field } from '../ui/form.tsx'
import { type Columns, ItemTable } from '../ui/items.tsx'
import { Page, Section, Time } from '../ui/show.tsx'

const kinds: TokenCreate['kind'][] = ['viewer', 'submitter', 'operator', 'registration', 'admin']

/** The choices for how long a token is good, in seconds. */
const lives: [string, string][] = [
  ['86400', 'a day'],
  ['2592000', '30 days'],
  ['31536000', 'a year'],
  ['0', 'until it is revoked'],
]

export function Tokens() {
  const { server, notices } = usePage()
  const tokens = useList<Token>('/v1/tokens?limit=200', ({ id }) => id, [])
  const sessions = useList<ListedBrowserSession>('/v1/browser-sessions?limit=200', ({ id }) => id, [])
  const own = sessions.data?.find(({ is_own }) => is_own)?.token_id
  const [made, setMade] = useState<string>()
  const create = async (fields: FormData) => {
    const { kind, name, life, namespaces } = Object.fromEntries(fields)
    const named = namespaces === '' ? {} : { namespaces: wordsOf(namespaces) }
    const body = { kind, name, ...named, expires_in_seconds: Number(life) || undefined }
    const { token } = await server.json<{ token: string }>('POST', '/v1/tokens', { body })
    setMade(token)
    tokens.refresh()
  }
  const make = (
    <ConfirmButton
      label="Make a token"
      question="The text of the token is shown once. Give each person and program a token of its own."
      does={fields => notices.of(create(fields))}
    >
      <Field label="Name" name="name" required maxLength={128} />
      <Choice label="Kind" name="kind" of={kinds.map(kind => [kind, kind])} />
      <Field
        label="Namespaces of a viewer, submitter or operator (* is all)"
        name="namespaces"
        placeholder="default"
      />
      <Choice label="Good for" name="life" of={lives} chosen="2592000" />
    </ConfirmButton>
  )
  return (
    <Page title="Tokens" beside={make}>
      {made !== undefined && (
        <div class="secret" role="status">
          <p>Keep this text: it is not shown again.</p>
          <Command text={made} />
          <Button does={() => setMade(undefined)}>Hide it</Button>
        </div>
      )}
      <ItemTable
        of={tokens}
        empty="There is none."
        names="Name"
        columns={{
          ...columns,
          Revoke: token => <Revoke token={token} isOwn={token.id === own} refresh={tokens.refresh} />,
        }}
      />
      <Browsers of={sessions} />
    </Page>
  )
}

const columns: Columns<Token> = {
  Name: ({ name }) => name,
  Kind: ({ kind }) => kind,
  Namespaces: ({ namespaces }) => namespaces?.join(', ').replace('*', 'all') ?? '–',
  Made: ({ created_at }) => <Time at={created_at} />,
  Expires: ({ expires_at }) => (expires_at === null ? 'never' : <Time at={expires_at} />),
  'Last used': ({ last_used_at }) => <Time at={last_used_at} />,
}

type Revoked = { token: Token; isOwn: boolean; refresh(): void }

/** `isOwn`: this browser is signed in by the token. */
function Revoke({ token: { id, name }, isOwn, refresh }: Revoked) {
  const call = useCall()
  const revoke = () => call('DELETE', `/v1/tokens/${id}`, `Token ${name} is revoked.`).finally(refresh)
  const question =
    `Whoever uses the token ${name} is refused within 5 seconds` +
    (isOwn ? ', this browser too: it is signed in by this token.' : '.')
  return <ConfirmButton label="Revoke" subject={name} danger question={question} does={revoke} />
}

function Browsers({ of: sessions }: { of: List<ListedBrowserSession> }) {
  const call = useCall()
  const end = (id: string, done: string) =>
    call('DELETE', `/v1/browser-sessions/${id}`, done).finally(sessions.refresh)
  const columns: Columns<ListedBrowserSession> = {
    Name: ({ name, is_own }) => (is_own ? `${name} (this browser)` : name),
    Role: ({ role }) => role,
    By: ({ token_id }) => (token_id === null ? 'identity provider' : 'token'),
    'Signed in': ({ created_at }) => <Time at={created_at} />,
    'Last used': ({ last_used_at }) => <Time at={last_used_at} />,
    'Sign out': ({ id, name }) => {
      const question = `The browser of ${name} is refused within 5 seconds.`
      const does = () => end(id, `A browser of ${name} is signed out.`)
      return <ConfirmButton label="Sign out" subject={name} danger question={question} does={does} />
    },
  }
  return (
    <Section title="Browsers that are signed in">
      <ItemTable of={sessions} empty="There is none." names="Name" columns={columns} />
    </Section>
  )
}
