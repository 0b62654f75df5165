/* Jobs that are followed to their ends as a user does it, with next to no work of the client's own. */
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { Connection } from './queues/connection.ts'

/** The end of one job. */
export interface Followed {
  id: string
  /** Bytes of its log. */
  bytes: number
}

export class FollowedJobs {
  readonly #url: string
  readonly #authorization: string
  /** Connections that nobody uses now. */
  readonly #idle: Connection[] = []
  readonly #agent = new Agent({ keepAlive: true })

  constructor(url: string, token: string) {
    this.#url = url
    this.#authorization = `Bearer ${token}`
  }

  /** Submits a job, and follows its log until its end is seen; throws where it has not succeeded. */
  async run(definition: object): Promise<Followed> {
    const connection = this.#idle.pop() ?? (await Connection.open(this.#url))
    const authorization = `Authorization: ${this.#authorization}\r\n`
    const submitted = await connection.send(
      'POST',
      '/v1/executions',
      authorization,
      JSON.stringify(definition),
    )
    this.#idle.push(connection)
    const { id } = JSON.parse(submitted.body) as { id: string }
    const asked = get(`${this.#url}/v1/executions/${id}/log?follow=true`, {
      agent: this.#agent,
      headers: { authorization: this.#authorization },
    })
    const [followed] = (await once(asked, 'response')) as [IncomingMessage]
    followed.setEncoding('latin1')
    let bytes = 0
    let state: unknown
    let rest = ''
    for await (const text of followed) {
      const events = `${rest}${text}`.split('\n\n')
      rest = events.pop()!
      for (const event of events) {
        const data = /^data: (.*)/m.exec(event)
        if (data === null) continue
        const said = JSON.parse(data[1]!)
        if (said.base64 !== undefined) bytes += Buffer.byteLength(said.base64, 'base64')
        state = said.state
      }
    }
    if (state === 'succeeded') return { id, bytes }
    const headers = { authorization: this.#authorization }
    const ended = await fetch(`${this.#url}/v1/executions/${id}`, { headers })
    throw new Error(`the job has ${state ?? 'no end in its log'}: ${await ended.text()}`)
  }

  close(): void {
    for (const connection of this.#idle) connection.close()
    this.#agent.destroy()
  }
}
