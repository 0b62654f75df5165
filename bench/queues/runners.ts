/*
 * Runners as the server sees them, many in one process: they register, reserve, confirm and say that the job
 * succeeded, over HTTP. No executor: the hand-over alone, or with a log.
 */
import { generateKeyPairSync, hash, privateDecrypt, randomUUID } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { Pool } from 'undici'
import { Connection } from './connection.ts'

export interface Attached {
  id: string
  headers: Record<string, string>
  /** For its reserves, confirms and results; made by the first of them. */
  connection?: Connection
}

/** An execution that was handed out. */
export interface Reserved {
  execution_id: string
  lease_id: string
}

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 })
const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string

/** The server under load. */
export class Server {
  readonly #pool: Pool
  readonly #url: string
  readonly #admin: string
  #submits: Connection | undefined

  constructor(url: string, admin: string) {
    this.#url = url
    this.#admin = admin
    this.#pool = new Pool(url, { connections: 50, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
  }

  async send(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH',
    path: string,
    headers: Record<string, string>,
    body?: object,
  ) {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const type = text === undefined ? {} : { 'content-type': 'application/json' }
    const answer = await this.#pool.request({
      method,
      path,
      headers: { ...headers, ...type },
      body: text ?? null,
    })
    const said = await answer.body.text()
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${said}`)
    return said === '' ? undefined : JSON.parse(said)
  }

  admin(method: 'GET' | 'POST' | 'PUT' | 'PATCH', path: string, body?: object) {
    return this.send(method, path, { authorization: `Bearer ${this.#admin}` }, body)
  }

  /** One after the other. */
  async submit(job: object): Promise<void> {
    this.#submits ??= await Connection.open(this.#url)
    const authorization = `authorization: Bearer ${this.#admin}\r\n`
    const answer = await this.#submits.send('POST', '/v1/executions', authorization, JSON.stringify(job))
    if (answer.status !== 201) throw new Error(`submit: ${answer.status} ${answer.body}`)
  }

  /** Registers one more runner, and calls once, so that its session is in force. */
  async attach(registration: string, runner_group = 'default'): Promise<Attached> {
    const uuid = randomUUID()
    const answer = await this.send(
      'POST',
      '/v1/runners/register',
      { authorization: `Bearer ${registration}` },
      {
        uuid,
        name: `bench-${uuid}`,
        version: '0',
        public_key: pem,
        capabilities: [],
        runner_group,
      },
    )
    const opened = privateDecrypt(
      { key: privateKey, oaepHash: 'sha256' },
      Buffer.from(answer.credentials, 'base64'),
    )
    const { token } = JSON.parse(opened.toString())
    const headers = { authorization: `Bearer ${token}`, 'runner-session': String(answer.session) }
    const attached: Attached = { id: answer.runner_id, headers }
    await this.heartbeat(attached)
    return attached
  }

  heartbeat({ id, headers }: Attached) {
    const body = { state: 'ready', executions: [], executors: [], free_slots: 1 }
    return this.send('POST', `/v1/runners/${id}/heartbeat`, headers, body)
  }

  async #call(runner: Attached, method: string, path: string, body: object | string) {
    const connection = runner.connection ?? (await Connection.open(this.#url))
    runner.connection = connection
    const lines = Object.entries(runner.headers).map(([name, value]) => `${name}: ${value}\r\n`)
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const answer = await connection.send(method, path, lines.join(''), text)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`)
    return answer.body === '' ? undefined : JSON.parse(answer.body)
  }

  /** The ids of what was handed out; waits up to so many seconds. */
  async reserve(runner: Attached, wait: number): Promise<Reserved[]> {
    const asked = { slots: 1, wait_seconds: wait }
    return (await this.#call(runner, 'POST', `/v1/runners/${runner.id}/reserve`, asked))?.executions ?? []
  }

  /** Confirms, sends a log where there is one, and says that it succeeded. */
  async finish(runner: Attached, execution: Reserved, log = ''): Promise<void> {
    await this.confirm(runner, execution)
    if (log !== '') await this.sendLog(runner, execution, 0, log)
    await this.result(runner, execution, 'succeeded', log)
  }

  confirm(runner: Attached, { execution_id, lease_id }: Reserved): Promise<void> {
    return this.#call(runner, 'POST', `/v1/executions/${execution_id}/confirm`, { lease_id })
  }

  sendLog(
    runner: Attached,
    { execution_id, lease_id }: Reserved,
    offset: number,
    text: string,
  ): Promise<void> {
    const path = `/v1/executions/${execution_id}/log?offset=${offset}&lease=${lease_id}`
    return this.#call(runner, 'POST', path, text)
  }

  /** Says how it ended; `log` is all that was sent. */
  async result(
    runner: Attached,
    { execution_id, lease_id }: Reserved,
    outcome: 'succeeded' | 'failed',
    log = '',
  ): Promise<void> {
    const now = new Date().toISOString()
    await this.#call(runner, 'PUT', `/v1/executions/${execution_id}/result`, {
      lease_id,
      outcome,
      exit_code: outcome === 'failed' ? 1 : 0,
      reason: outcome === 'failed' ? 'exit-code' : null,
      error_message: outcome === 'failed' ? 'It ended with status 1.' : null,
      output: null,
      started_at: now,
      finished_at: now,
      log_length: log.length,
      log_sha256: hash('sha256', log),
    })
  }

  /** Opens a command channel and leaves it open; resolves with its first bytes. */
  channel({ id, headers }: Attached): Promise<{ close(): void }> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(`${this.#url}/v1/runners/${id}/commands`, { headers, agent: false })
      request.on('error', reject)
      request.on('response', response => {
        if (response.statusCode !== 200) reject(new Error(`command channel: ${response.statusCode}`))
        response.once('data', () => resolve({ close: () => request.destroy() }))
        response.on('error', () => {})
      })
      request.end()
    })
  }

  close() {
    return this.#pool.destroy()
  }
}
