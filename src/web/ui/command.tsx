/* A command to copy into a terminal. */
import { useState } from 'preact/hooks'
import { Button } from './form.tsx'

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
