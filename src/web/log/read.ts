/* Reads a log for the page, and saves it. */
import type { Server } from '../server.ts'
import type { Range, ReadRange } from './window.ts'

const pathOf = (id: string) => `/v1/executions/${encodeURIComponent(id)}/log`

/** Reads ranges of the log of an execution. */
export const rangesOf =
  (server: Server, id: string, signal: AbortSignal): ReadRange =>
  async (offset, most): Promise<Range> => {
    const options = { headers: { accept: 'text/plain' }, signal }
    return server.take('GET', `${pathOf(id)}?offset=${offset}&length=${most}`, options, async answer => {
      const numberOf = (name: string) => Number(answer.headers.get(name))
      return {
        offset: numberOf('runner-log-offset'),
        bytes: new Uint8Array(await answer.arrayBuffer()),
        length: numberOf('runner-log-length'),
        head: answer.headers.has('runner-log-head') ? numberOf('runner-log-head') : null,
      }
    })
  }

/** Saves the whole log as a file: a link could not carry the key of the browser session. */
export async function download(server: Server, id: string): Promise<void> {
  const options = { headers: { accept: 'text/plain' }, isLong: true }
  // The browser keeps a large blob on disk.
  const log = await server.take('GET', pathOf(id), options, answer => answer.blob())
  const link = document.createElement('a')
  link.href = URL.createObjectURL(log)
  link.download = `${id}.log`
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
