/*
 * The SharedWorker that reads the server's changes once for all tabs: HTTP/1.1 allows six connections to a
 * host.
 */
import { ChangeStream, type Message } from './stream.ts'

/** The first message of a tab. */
export interface Hello {
  key: string | undefined
  /** A lock that the tab holds while it lives. */
  lock: string
}

interface Scope {
  onconnect: (event: MessageEvent) => void
}

const ports = new Set<MessagePort>()
let key: string | undefined
let status: Message | undefined

const stream = new ChangeStream(message => {
  if (message.kind !== 'change') status = message
  for (const port of ports) port.postMessage(message)
})

// The types are those of a page; the scope of a shared worker differs.
const scope = globalThis as unknown as Scope
scope.onconnect = ({ ports: [port] }) => {
  if (port === undefined) return
  port.onmessage = ({ data }: MessageEvent<Hello>) => {
    if (!ports.has(port)) {
      // The tab's end sets its lock free; a port itself does not say that its tab is gone.
      void navigator.locks.request(data.lock, () => {
        ports.delete(port)
        if (ports.size === 0) stream.stop()
      })
      ports.add(port)
      if (status !== undefined && status.kind !== 'refused') port.postMessage(status)
    }
    if (ports.size === 1 || data.key !== key || status?.kind === 'refused') {
      key = data.key
      stream.start(key)
    }
  }
}
