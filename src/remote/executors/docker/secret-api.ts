/*
 * As much of the API of Kubernetes as plugins made with the SDK of Go ask for, by TLS: one Secret with the
 * input of a job.
 *
 *   LIST, WATCH   a Secret whose key changes as often as a process can have jobs, all at once. The SDK asks
 *                 for an input for each change, one after another, so for the next one when a job is over
 *   GET           the input of the job that is placed; before that it waits
 *
 * `nc` takes the connections, and tls.sh in the container gives an input out, only once.
 */
import { existsSync, type FSWatcher, readdirSync, watch } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { ExchangeDir } from '../handover/exchange-dir.ts'
import { mostJobs, secretName } from './staying-plugins.ts'
import { TlsCall } from './tls-call.ts'

/** Connections at a time. The SDK has two; others are not answered. */
const mostCalls = 16

interface Held {
  call: TlsCall
  response: ServerResponse
}

export class SecretApi {
  readonly #folder: ExchangeDir
  readonly #context: SecureContext
  readonly #onWaiting: (pid: string) => void
  readonly #server: Server
  readonly #calls = new Map<Socket, TlsCall>()
  readonly #pids = new Set<string>()
  #watcher: FSWatcher | undefined
  /** The Secret of the job that was placed last. */
  #secret: string | undefined
  /** The GET that waits for the next one. */
  #held: Held | undefined

  /**
   * Answers the calls in a folder of the host, which the container sees as /.runner/jobs/sdk. `onWaiting`:
   * the plugin has done its job, and waits for the next one in this process of tls.sh. Throws system errors.
   */
  constructor(path: string, context: SecureContext, onWaiting: (pid: string) => void) {
    const folder = ExchangeDir.open(path)
    if (!folder.ok) throw new Error(`the folder ${path} cannot be opened`)
    this.#folder = folder.value
    this.#context = context
    this.#onWaiting = onWaiting
    this.#server = createServer({ keepAlive: false }, (request, response) => this.#hear(request, response))
    this.#server.on('clientError', (_, socket) => socket.destroy())
    // The name of this very folder, whatever is put in its place.
    this.#watcher = watch(this.#folder.path, { persistent: false }, (_, name) => {
      if (name === null || name.startsWith('call.')) this.#look()
    })
    this.#watcher.on('error', () => this.#watcher?.close())
  }

  /** Gives the plugin the Secret of a job: at once if it waits, else when it asks. Throws system errors. */
  async offer(secret: string): Promise<void> {
    this.#secret = secret
    const held = this.#held
    this.#held = undefined
    if (held !== undefined && !held.call.socket.destroyed) await this.#give(held)
  }

  close(): void {
    this.#watcher?.close()
    for (const call of this.#calls.values()) call.close()
    this.#calls.clear()
    this.#folder[Symbol.dispose]()
  }

  /** Takes the connections that are new. */
  #look(): void {
    try {
      const names = readdirSync(this.#folder.path)
      for (const name of names) {
        const pid = name.match(/^call\.(\d{1,10})\.from$/)?.[1]
        const isNew = pid !== undefined && names.includes(`call.${pid}.to`) && !this.#pids.has(pid)
        if (!isNew || this.#pids.size >= mostCalls) continue
        const call = new TlsCall(this.#folder, pid, this.#context)
        this.#calls.set(call.socket, call)
        this.#pids.add(pid)
        call.socket.on('close', () => {
          this.#calls.delete(call.socket)
          this.#pids.delete(pid)
        })
        this.#server.emit('connection', call.socket)
      }
    } catch {
      // Its container has gone, or a job has put something else there. Then the plugin is not answered.
    }
  }

  #hear(request: IncomingMessage, response: ServerResponse): void {
    const call = this.#calls.get(request.socket)
    const { pathname, searchParams } = new URL(request.url ?? '', 'https://127.0.0.1')
    const folder = `/api/v1/namespaces/${secretName.namespace}/secrets`
    if (call === undefined || request.method !== 'GET' || !pathname.startsWith(folder)) refuse(response)
    else if (pathname === `${folder}/${secretName.name}`) this.#get(call, response)
    else if (pathname !== folder) refuse(response)
    else if (searchParams.get('watch') === 'true' || searchParams.get('watch') === '1')
      response.writeHead(200, head).write(changes(searchParams))
    else response.writeHead(200, head).end(list)
  }

  #get(call: TlsCall, response: ServerResponse): void {
    if (this.#secret !== undefined && existsSync(`${this.#folder.path}/secret`)) {
      this.#give({ call, response }).catch(() => call.close())
      return
    }
    // Without an output the job has not ended, so the SDK has not sent this.
    if (!existsSync(`${this.#folder.path}/output`)) {
      refuse(response)
      return
    }
    this.#held?.call.close()
    this.#held = { call, response }
    this.#onWaiting(call.pid)
  }

  #give({ call, response }: Held): Promise<void> {
    const text = this.#secret!
    return call.answer(() => {
      response.writeHead(200, { ...head, 'Content-Length': Buffer.byteLength(text) }).end(text)
    })
  }
}

const head = { 'Content-Type': 'application/json', Connection: 'close' }

function refuse(response: ServerResponse): void {
  const message = 'runner answers GET, LIST and WATCH of one Secret'
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    reason: 'NotFound',
    code: 404,
    message,
  }
  response.writeHead(404, head).end(JSON.stringify(status))
}

/** The Secret with its key as it is for the first time, and after each change. Its input is nobody's. */
const at = (version: number) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { ...secretName, uid: secretName.name, resourceVersion: String(version) },
  type: 'Opaque',
  data: { 'session-key': Buffer.from(String(version)).toString('base64') },
})

const list = JSON.stringify({
  apiVersion: 'v1',
  kind: 'SecretList',
  metadata: { resourceVersion: '1' },
  items: [at(1)],
})

/**
 * Answers a WATCH with all changes from now on. A watch that names no known version first gets the present
 * state.
 */
function changes(asked: URLSearchParams): string {
  const knows = Number(asked.get('resourceVersion') ?? 0)
  const since = knows > 0 && asked.get('sendInitialEvents') !== 'true' ? knows : 0
  const events: object[] = since > 0 ? [] : [{ type: 'ADDED', object: at(1) }]
  // By this, newer clients know that they have been told of all that is there.
  if (asked.get('sendInitialEvents') === 'true')
    events.push({
      type: 'BOOKMARK',
      object: {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { resourceVersion: '1', annotations: { 'k8s.io/initial-events-end': 'true' } },
      },
    })
  for (let version = Math.max(since, 1) + 1; version <= mostJobs + 1; version++)
    events.push({ type: 'MODIFIED', object: at(version) })
  return events.map(event => `${JSON.stringify(event)}\n`).join('')
}
