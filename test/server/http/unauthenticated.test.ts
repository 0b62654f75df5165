import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { connectionLimits, UnauthenticatedConnections } from '../../../src/server/http/unauthenticated.ts'

/**
 * Opens connections to a listener on all addresses of this machine; the listener counts them as they are
 * accepted.
 */
async function listener(limits: { all: number; address: number }) {
  let closed = 0
  const connections = new UnauthenticatedConnections(limits, () => closed++)
  const accepted: Socket[] = []
  const server = createServer(socket => {
    socket.on('error', () => {})
    accepted.push(socket)
    connections.add(socket)
  })
  server.listen(0, '::')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const clients: Socket[] = []
  const open = async (localAddress: string): Promise<Socket> => {
    const arrived = once(server, 'connection')
    const client = connect({ port, host: localAddress.includes(':') ? '::1' : '127.0.0.1', localAddress })
    client.on('error', () => {})
    clients.push(client)
    await arrived
    return client.resume()
  }
  return {
    connections,
    accepted,
    open,
    closed: () => closed,
    [Symbol.dispose]: () => {
      for (const socket of [...accepted, ...clients]) socket.destroy()
      server.close()
    },
  }
}

t.test('beyond the limit of an address its oldest connection is closed, and no other', async t => {
  using listening = await listener({ all: 100, address: 2 })
  const other = await listening.open('127.0.0.2')
  const [first] = [await listening.open('127.0.0.3'), await listening.open('127.0.0.3')]
  const gone = once(first, 'close')
  await listening.open('127.0.0.3')
  await gone
  t.equal(listening.closed(), 1)
  t.equal(listening.connections.size, 3)
  t.notOk(other.destroyed)
})

t.test('beyond the limit of all the address that has the most gives one up', async t => {
  using listening = await listener({ all: 3, address: 3 })
  const other = await listening.open('127.0.0.2')
  const first = await listening.open('127.0.0.3')
  await listening.open('127.0.0.3')
  const gone = once(first, 'close')
  await listening.open('127.0.0.4')
  await gone
  t.notOk(other.destroyed)
  t.equal(listening.connections.size, 3)
})

t.test('what has authenticated is not counted, and is closed for nobody', async t => {
  using listening = await listener({ all: 2, address: 2 })
  const clients = [await listening.open('127.0.0.2'), await listening.open('127.0.0.2')]
  for (const socket of listening.accepted) listening.connections.authenticated(socket)
  t.equal(listening.connections.size, 0)
  t.notOk(listening.connections.has(listening.accepted[0]!))
  for (let count = 0; count < 4; count++) await listening.open('127.0.0.2')
  t.equal(listening.closed(), 2)
  t.notOk(clients.some(client => client.destroyed))
})

t.test('what has gone by itself is not counted', async t => {
  using listening = await listener({ all: 10, address: 10 })
  const client = await listening.open('127.0.0.1')
  const gone = once(listening.accepted[0]!.resume(), 'close')
  client.end()
  await gone
  t.equal(listening.connections.size, 0)
})

t.test('the limits leave files for those who have a token', async t => {
  t.same(connectionLimits(Number.POSITIVE_INFINITY), { all: 8192, address: 4096 })
  t.same(connectionLimits(1024), { all: 512, address: 256 })
  t.same(connectionLimits(0), { all: 2, address: 1 })
})
