/* Forms, their fields, and buttons. */
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import { usePage } from '../context.ts'
import { valuesOf } from '../query.ts'
import { mayOperate } from '../session.ts'

type Sent = { onSend: (fields: FormData) => unknown } & JSX.IntrinsicElements['form']

/** A form whose fields `onSend` takes; until that is done, it is not sent again. */
export function Form({ onSend, ...form }: Sent) {
  const [isBusy, setBusy] = useState(false)
  const send = async (event: SubmitEvent) => {
    event.preventDefault()
    if (isBusy) return
    setBusy(true)
    await onSend(new FormData(event.currentTarget as HTMLFormElement))
    setBusy(false)
  }
  return <form {...form} aria-busy={isBusy} onSubmit={event => void send(event)} />
}

interface Labelled {
  label: string
  name: string
}

type OfField = Labelled & JSX.IntrinsicElements['input']

/** An input with its label. */
export function Field({ label, ...input }: OfField) {
  return (
    <label>
      {label} <input {...input} />
    </label>
  )
}

interface Chosen extends Labelled {
  /** The values, each with the text that is shown for it. */
  of: [string, string][]
  chosen?: string | undefined
}

export function Choice({ label, name, of, chosen }: Chosen) {
  return (
    <label>
      {label}{' '}
      <select name={name}>
        {of.map(([value, text]) => (
          <option key={value} value={value} {...{ defaultSelected: value === chosen }}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}

/** Fields by which a list is filtered: when they are sent, the address has them as its query. */
export function Filters({ children }: { children: ComponentChildren }) {
  const { route, path, query, url } = useLocation()
  const form = useRef<HTMLElement>(null)
  const isNarrowed = Object.keys(query).length > 0
  // On a phone the fields would fill the screen.
  const [isOpen] = useState(() => isNarrowed || matchMedia('(min-width: 40rem)').matches)
  // The fields have what the address has, also after a step back; the focus stays where it is.
  useEffect(() => form.current?.querySelector('form')?.reset(), [url])
  const find = (fields: FormData) => {
    const all = new URLSearchParams([...fields].map(([name, value]) => [name, String(value)]))
    const wanted = new URLSearchParams(valuesOf(all, new Set(all.keys())))
    route(wanted.size === 0 ? path : `${path}?${wanted}`)
  }
  return (
    <search ref={form}>
      <details open={isOpen}>
        <summary>Narrow the list</summary>
        <Form class="filters" onSend={find}>
          {children}
          <button type="submit">Filter</button>
          {isNarrowed && <a href={path}>Clear</a>}
        </Form>
      </details>
    </search>
  )
}

/** A button that does something at once. */
export function Button({ does, ...button }: { does: () => unknown } & JSX.IntrinsicElements['button']) {
  return <button type="button" class="quiet" onClick={() => void does()} {...button} />
}

interface Asked {
  /** The text of the button, and of the one that confirms. */
  label: string
  /** The subject of the button, for pages on which several buttons have the same text. */
  subject?: string
  /** The sentence that says what is about to happen. */
  question: string
  danger?: boolean
  /** The field that the dialog has; where it has several, they are its children. */
  field?: OfField
  children?: ComponentChildren
  does: (fields: FormData) => Promise<unknown>
}

/**
 * A button with a dialog behind it, for changes on the server: people who may only look have no such button.
 */
export function ConfirmButton({ label, subject, question, danger = false, field, children, does }: Asked) {
  const { session } = usePage()
  const dialog = useRef<HTMLDialogElement>(null)
  const name = subject === undefined ? label : `${label} ${subject}`
  const close = () => dialog.current?.close()
  if (!mayOperate(session)) return null
  return (
    <>
      <Button
        does={() => dialog.current?.showModal()}
        class={danger ? 'danger' : 'quiet'}
        aria-haspopup="dialog"
        aria-label={name}
      >
        {label}
      </Button>
      <dialog ref={dialog} aria-label={name}>
        <Form onSend={fields => does(fields).finally(close)}>
          <p>{question}</p>
          {field && <Field {...field} />}
          {children}
          <div class="buttons">
            <button type="submit" class={danger ? 'danger' : ''}>
              {label}
            </button>
            <Button does={close}>Cancel</Button>
          </div>
        </Form>
      </dialog>
    </>
  )
}

/** A command to copy into a terminal. */
export function Command({ text }: { text: string }) {
  const [isCopied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), 3000)
  }
  return (
    <div class="command">
      <code>{text}</code>
      {/* Browsers give pages without TLS a clipboard only on loopback. */}
      {isSecureContext && <Button does={copy}>{isCopied ? 'Copied' : 'Copy'}</Button>}
    </div>
  )
}
