/*
 * A part of the API of Kubernetes, by TLS, for plugins made with the SDK of Go: LIST and WATCH of one Secret,
 * whose key changes as often as a process can have jobs, all at once. The SDK reads an input for each change,
 * one after another, so the next one when a job is over. The inputs come from the supervisor of its
 * container. `nc` takes the connections there, and tls.sh leads them here.
 */
import { type FSWatcher, readdirSync, watch } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { ExchangeDir } from '../handover/exchange-dir.ts'
import { mostJobs, secretName } from './staying-plugins.ts'
import { TlsCall } from './tls-call.ts'

/** Connections at a time. The SDK has two; others are not answered. */
const mostCalls = 16

export class SecretApi {
  readonly #folder: ExchangeDir
  readonly #context: SecureContext
  readonly #server: Server
  readonly #calls = new Map<Socket, TlsCall>()
  readonly #pids = new Set<string>()
  #watcher: FSWatcher | undefined

  /**
   * Answers the calls in a folder of the host, which the container sees as /.runner/jobs/sdk. Throws system
   * errors.
   */
  constructor(path: string, context: SecureContext) {
    const folder = ExchangeDir.open(path)
    if (!folder.ok) throw new Error(`the folder ${path} cannot be opened`)
    this.#folder = folder.value
    this.#context = context
    this.#server = createServer({ keepAlive: false }, hear)
    this.#server.on('clientError', (_, socket) => socket.destroy())
    // The name of this very folder, whatever is put in its place.
    this.#watcher = watch(this.#folder.path, { persistent: false }, (_, name) => {
      if (name === null || name.startsWith('call.')) this.#look()
    })
    this.#watcher.on('error', () => this.#watcher?.close())
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
}

function hear({ method, url }: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(url ?? '', 'https://127.0.0.1')
  const isOurs = method === 'GET' && pathname === `/api/v1/namespaces/${secretName.namespace}/secrets`
  if (!isOurs) refuse(response)
  else if (searchParams.get('watch') === 'true' || searchParams.get('watch') === '1')
    response.writeHead(200, head).write(changes(searchParams))
  else response.writeHead(200, head).end(list)
}

const head = { 'Content-Type': 'application/json', Connection: 'close' }

function refuse(response: ServerResponse): void {
  const message = 'runner answers LIST and WATCH of one Secret'
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
  // This event tells newer clients that they know all existing objects.
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
