/* Where somebody signs in. */
import { useEffect, useState } from 'preact/hooks'
import type { SignIn } from '../session.ts'
import { Field, Form } from './form.tsx'
import { Problem } from './show.tsx'

const described = {
  autocomplete: 'current-password',
  spellcheck: false,
  'aria-describedby': 'token-help',
} as const

export function SignInForm({ signIn }: { signIn: SignIn }) {
  const [provider, setProvider] = useState<string>()
  useEffect(() => void signIn.provider().then(setProvider), [signIn])
  const session = signIn.session.value
  const why = session.state === 'out' ? session.why : undefined
  return (
    <main class="sign-in">
      <h1>runner</h1>
      {provider !== undefined && (
        <p>
          <a class="button" href="/v1/oidc/start">
            Sign in by {provider}
          </a>
        </p>
      )}
      <Form onSend={fields => signIn.enter({ token: String(fields.get('token')).trim() })}>
        <Problem why={why} />
        <Field label="Token" name="token" type="password" required {...described} />
        <button type="submit">Sign in</button>
        <p id="token-help" class="hint">
          On the server, <code>runner page</code> prints a link that signs in, good once and for 10 minutes.
          The first start of the server wrote a token for administrators to <code>admin.token</code>, a file
          beside its store. Others are made by <code>runner token create viewer NAME</code>.
        </p>
      </Form>
    </main>
  )
}
