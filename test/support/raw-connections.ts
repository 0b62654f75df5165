/* Connections by which a test talks to a server below HTTP. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestServer } from './server.ts'

/** A connection below HTTP and TLS. */
export async function raw(server: TestServer): Promise<Socket> {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket.resume()
}

/** Says something and gives what comes back until the server ends the connection. */
export async function speak(
  server: TestServer,
  text: string,
  then?: (socket: Socket, heard: string) => void,
): Promise<string> {
  const socket = await raw(server)
  let heard = ''
  socket.on('data', data => {
    heard += data
    then?.(socket, heard)
  })
  socket.write(text)
  await once(socket, 'close')
  return heard
}

/** The head of a request with a body. */
export const post = (token: string, ...headers: string[]) =>
  [
    'POST /v1/executions HTTP/1.1',
    'host: x',
    'content-type: application/json',
    `authorization: Bearer ${token}`,
  ]
    .concat(headers, '', '')
    .join('\r\n')

/** Lets the server open 200 files: it keeps room for 100 connections without a token, 50 of one address. */
export const fewFiles = ['sh', '-c', 'ulimit -n 200 && exec "$@"', 'sh']
