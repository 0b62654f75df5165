/* Buttons that ask before they do what cannot be undone. */
import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { usePage } from '../context.ts'
import { mayOperate } from '../session.ts'
import { Button, Form } from './form.tsx'

interface Asked {
  /** The text of the button, and of the one that confirms. */
  label: string
  /** What it is about, where several buttons have the same text. */
  subject?: string
  /** What is about to happen. */
  question: string
  danger?: boolean
  /** More that the dialog shows, such as fields. */
  children?: ComponentChildren
  does: (fields: FormData) => Promise<unknown>
}

/** A button with a dialog behind it, of something that changes the server: who may only look has no such button. */
export function ConfirmButton({ label, subject, question, danger = false, children, does }: Asked) {
  const { session } = usePage()
  const dialog = useRef<HTMLDialogElement>(null)
  const name = subject === undefined ? label : `${label} ${subject}`
  const close = () => dialog.current?.close()
  if (!mayOperate(session)) return null
  return (
    <>
      <button
        type="button"
        class={danger ? 'danger' : 'quiet'}
        onClick={() => dialog.current?.showModal()}
        aria-haspopup="dialog"
        aria-label={name}
      >
        {label}
      </button>
      <dialog ref={dialog} aria-label={name}>
        <Form onSend={fields => does(fields).finally(close)}>
          <p>{question}</p>
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
