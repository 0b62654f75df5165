/* Buttons that ask before they do what cannot be undone. */
import type { ComponentChildren } from 'preact'
import { useRef, useState } from 'preact/hooks'

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
  onConfirm: (form: FormData) => Promise<unknown>
}

/** A button with a dialog behind it. */
export function ConfirmButton({ label, subject, question, danger = false, children, onConfirm }: Asked) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [isBusy, setBusy] = useState(false)
  const name = subject === undefined ? label : `${label} ${subject}`
  const confirm = async (event: SubmitEvent) => {
    event.preventDefault()
    setBusy(true)
    await onConfirm(new FormData(event.currentTarget as HTMLFormElement))
    setBusy(false)
    dialog.current?.close()
  }
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
        <form onSubmit={event => void confirm(event)}>
          <p>{question}</p>
          {children}
          <div class="buttons">
            <button type="submit" class={danger ? 'danger' : ''} disabled={isBusy}>
              {label}
            </button>
            <button type="button" class="quiet" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
          </div>
        </form>
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
      {isSecureContext && (
        <button type="button" class="quiet" onClick={() => void copy()}>
          {isCopied ? 'Copied' : 'Copy'}
        </button>
      )}
    </div>
  )
}

/** The button below a list that has more. */
export function More({ more }: { more: (() => Promise<void>) | undefined }) {
  if (more === undefined) return null
  return (
    <button type="button" class="quiet" onClick={() => void more()}>
      Show more
    </button>
  )
}
