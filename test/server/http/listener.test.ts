import t from 'tap'
import { makeListener } from '../../../src/server/http/listener.ts'
import { UnauthenticatedConnections } from '../../../src/server/http/unauthenticated.ts'

t.test('a connection that cannot be taken in ends no server, and is told', async t => {
  const told: string[] = []
  const connections = new UnauthenticatedConnections({ all: 2, address: 2 }, () => {})
  const server = makeListener(
    undefined,
    () => {},
    connections,
    code => told.push(code),
  )
  // Node's event after a failed accept(2); without a listener it ends the process.
  server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))
  t.same(told, ['EMFILE'])
})
