/* Forms, their fields, and buttons. */
import type { ComponentChildren, InputHTMLAttributes } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import { valuesOf } from '../query.ts'

interface Sent {
  class?: string
  children: ComponentChildren
  /** Takes the fields; until it is done, the form is not sent again. */
  onSend: (fields: FormData) => unknown
}

export function Form({ onSend, children, class: name }: Sent) {
  const [isBusy, setBusy] = useState(false)
  const send = async (event: SubmitEvent) => {
    event.preventDefault()
    if (isBusy) return
    setBusy(true)
    await onSend(new FormData(event.currentTarget as HTMLFormElement))
    setBusy(false)
  }
  return (
    <form class={name} aria-busy={isBusy} onSubmit={event => void send(event)}>
      {children}
    </form>
  )
}

interface Labelled {
  label: string
  name: string
}

/** An input with its label. */
export function Field({ label, ...input }: Labelled & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <label>
      {label} <input {...input} />
    </label>
  )
}

/** A choice of values, each with the text that is shown for it. */
export function Choice({
  label,
  name,
  of,
  chosen,
}: Labelled & { of: [string, string][]; chosen?: string | undefined }) {
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
  // The fields have what the address has, also after a step back; the focus stays where it is.
  useEffect(() => form.current?.querySelector('form')?.reset(), [url])
  const find = (fields: FormData) => {
    const all = new URLSearchParams([...fields].map(([name, value]) => [name, String(value)]))
    const wanted = new URLSearchParams(valuesOf(all, new Set(all.keys())))
    route(wanted.size === 0 ? path : `${path}?${wanted}`)
  }
  return (
    <search ref={form}>
      <Form class="filters" onSend={find}>
        {children}
        <button type="submit">Filter</button>
        {Object.keys(query).length > 0 && <a href={path}>Clear</a>}
      </Form>
    </search>
  )
}

interface Pressed {
  does: () => unknown
  /** Where several buttons have the same text: what each is about. */
  label?: string | undefined
  disabled?: boolean
  pressed?: boolean
  children: ComponentChildren
}

/** A button that does something at once. */
export function Button({ does, label, disabled, pressed, children }: Pressed) {
  return (
    <button
      type="button"
      class="quiet"
      onClick={() => void does()}
      disabled={disabled}
      aria-label={label}
      aria-pressed={pressed}
    >
      {children}
    </button>
  )
}
