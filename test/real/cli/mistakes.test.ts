/* The mistakes of somebody who is not the user that a file, a directory, a socket or a port is for. */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import t from 'tap'
import { makeMistakes } from '../../support/mistakes.ts'
import { said } from '../../support/operator.ts'
import { program, root } from '../../support/require.ts'
import { rigTest } from '../../support/rig.ts'
import { serverTest } from '../../support/server.ts'

t.setTimeout(360_000)

const nobody = 65534
const before = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']
const needs = [root, program('setpriv')]

rigTest(
  t,
  'mistakes of another user on the chain of a host',
  { needs, tasks: { a: 'true' } },
  async (t, rig) => {
    chmodSync(rig.path('tmp'), 0o1777)
    mkdirSync(rig.path('state'), { mode: 0o700 })
    mkdirSync(rig.path('closed.d'), { mode: 0o700 })
    rig.file('closed.cfg', '', 0o600)
    rig.file('tasks.d/closed.sh', '#!/bin/sh\n', 0o700)
    await makeMistakes(
      t,
      rig,
      {
        'the configuration is for another user': {
          args: ['-c', 'closed.cfg', 'run'],
          status: 78,
          says: [/closed\.cfg: error: cannot read the configuration file: permission denied\n +\S/],
        },
        'the task directory is for another user': {
          args: ['run', 'closed.d'],
          status: 78,
          says: [/closed\.d: error: the task directory cannot be read: permission denied\n +\S/],
        },
        'a task is for another user': {
          args: ['run'],
          status: 78,
          says: [/closed\.sh: error: is executable for other users only\n +make it so: chmod \+x/],
        },
        'the records are of another user': {
          args: ['status'],
          status: 7,
          says: [
            /the state directory \S+state cannot be read: permission denied; be the user that runs the chain/,
          ],
        },
        'the state directory of attach is of another user': {
          args: ['attach', '--server', 'http://127.0.0.1:1'],
          status: 78,
          says: [
            /the state directory \S+ cannot be used: .*permission denied.*; set state_dir in \[remote\]/,
          ],
        },
      },
      { before },
    )
  },
)

serverTest(t, 'mistakes of another user on the host of a server', { needs }, async (t, server) => {
  const { rig, url } = server
  chmodSync(rig.path('tmp'), 0o1777)
  const { port } = new URL(url)
  rig.configure({}, `[server]\nlisten = 127.0.0.1:${port}\n`)
  const token = rig.path('state', 'server', 'admin.token')
  await makeMistakes(
    t,
    rig,
    {
      'the token of the administrator is of another user': {
        args: ['ps'],
        status: 78,
        says: [
          /the token in \S+admin\.token cannot be read: permission denied; .*be the user that it runs as/,
        ],
      },
      'a token file is of another user': {
        args: ['ps', '--server', url, '--token-file', token],
        status: 78,
        says: [
          /the token in \S+admin\.token cannot be read: permission denied; name another by --token-file/,
        ],
      },
      'the store is of another user': {
        args: ['server', '--listen', '127.0.0.1:0'],
        status: 69,
        says: [/\S+server\b.*permission denied.*; \S/],
      },
      'the store of another user is backed up': {
        args: ['server', 'backup', rig.path('tmp', 'backup')],
        status: 69,
        says: [
          /the store \S+server\.db cannot be read: permission denied; be the user that the server runs as/,
        ],
      },
    },
    { before },
  )
})

rigTest(t, 'doctor names an engine socket that this user may not open', { needs }, async (t, rig) => {
  chmodSync(rig.path('tmp'), 0o1777)
  mkdirSync(rig.path('own'), { mode: 0o700 })
  chownSync(rig.path('own'), nobody, nobody)
  const socket = rig.path('engine.sock')
  const engine = createServer().listen(socket)
  await new Promise(resolve => engine.once('listening', resolve))
  chmodSync(socket, 0o660)
  try {
    writeFileSync(
      rig.path('own.cfg'),
      `[remote]\nstate_dir = own\nwork_dir = own\n[executor]\ndocker_host = unix://${socket}\n`,
    )
    const { status, out } = await said(rig.start(['-c', 'own.cfg', 'doctor'], { before }))
    t.equal(status, 1)
    t.match(out, /FAILED +engine: .*engine\.sock.*permission denied.*; .*(group|docker)/)
  } finally {
    engine.close()
  }
})
