/* The mistakes that a newcomer makes with a server: each message says what is wrong, where, and how to mend it. */
import { writeFileSync } from 'node:fs'
import t from 'tap'
import { type Mistake, makeMistakes } from '../../support/mistakes.ts'
import { say } from '../../support/operator.ts'
import { serverTest } from '../../support/server.ts'

t.setTimeout(900_000)

/** Mistakes in commands to a server that is there, with the token of its administrator. */
const toAServer = (url: string, ids: { shared: string; latest: string }): Record<string, Mistake> => ({
  'a submit says nothing': {
    args: ['submit'],
    status: 64,
    says: [/say which job: its name; or --image, or --file/],
  },
  'the words of a command have options': {
    args: ['submit', '--image', 'i', 'ls', '-l'],
    status: 64,
    says: [/unknown option '-l'\n.*; put `--` before a command to run that has options, as in: -- sh -c /],
  },
  'the words of a command have -c': {
    args: ['submit', '--image', 'i', 'sh', '-c', 'echo hello'],
    status: 64,
    says: [/-c is runner's own option here, and there is no file \S*echo hello\nrunner: put `--` before /],
  },
  'a job is misspelt': { args: ['submit', 'nightli'], status: 7, says: [/there is no job nightli/] },
  'a name of a variable has a blank': {
    args: ['submit', '--image', 'i', '--env', 'A B=3'],
    status: 64,
    says: [/--env A B: a name of a variable has letters, digits and underscore/],
  },
  'a value is a binary file': {
    args: ['submit', '--image', 'i', '--env', 'A=@binary'],
    status: 64,
    says: [/--env A: binary is not text in UTF-8; pass bytes on as text, in base64/],
  },
  'a value is a huge file': {
    args: ['submit', '--image', 'i', '--env', 'A=@huge'],
    status: 64,
    says: [/--env A: the value has 200000 characters: 131072 are the most; put it into the image/],
  },
  'an image has a blank': {
    args: ['submit', '--image', 'busy box'],
    status: 77,
    says: [/image in the body must be a name of an image without blanks, such as busybox:1\.36/],
  },
  'a definition is not JSON': {
    args: ['submit', '--file', 'broken.json'],
    status: 64,
    says: [/broken\.json is not JSON: at/],
  },
  'a duration is a word': {
    args: ['submit', '--image', 'i', '--max-time', 'soon'],
    status: 64,
    says: [
      /option '--max-time <seconds>' cannot be 'soon'\. It must be a number of seconds\.\nrunner: `runner submit --h/,
    ],
  },
  'a state is misspelt': {
    args: ['ps', '--state', 'done'],
    status: 64,
    says: [/'done'\. A state is one of queued, /],
  },
  'an id fits several': {
    args: ['abort', ids.shared],
    status: 77,
    says: [new RegExp(`${ids.shared} fits several executions: .*${ids.latest}.*; add characters of the id`)],
  },
  'a node is misspelt': {
    args: ['node', 'disable', 'biuld'],
    status: 7,
    says: [/there is no node biuld; `runner node` lists/],
  },
  'a plugin has no such command': {
    args: ['plugin', 'nosuch'],
    status: 64,
    says: [/nosuch.*(\n.*)?`runner plugin --help` lists/],
  },
  'a token goes into no directory': {
    args: ['token', 'create', 'viewer', 'x', '--out', '/nosuch/x'],
    status: 69,
    says: [/\/nosuch\/x cannot be written: no such file.*; the token is revoked again/],
  },
  'a backup does not exist': {
    args: ['restore', 'none.json'],
    status: 64,
    says: [/none\.json cannot be read: no such.*; name a file that `runner backup` has written/],
  },
  'the port is wrong': {
    args: ['ps', '--server', 'http://127.0.0.1:1'],
    status: 69,
    says: [
      /nothing listens at http:\/\/127\.0\.0\.1:1; start `runner server` there, or correct the address and its port\n/,
    ],
  },
  'the name of the server is wrong': {
    args: ['ps', '--server', 'http://server.invalid'],
    status: 69,
    says: [/the name server\.invalid cannot be resolved .*correct the address/],
  },
  'the address has a path': {
    args: ['ps', '--server', `${url}/api`],
    status: 7,
    says: [/no call has this path: the address of a server is no more than https:/],
  },
  'the server has no TLS': {
    args: ['ps', '--server', url.replace('http:', 'https:')],
    status: 69,
    says: [/^runner: https:\S+ does not speak TLS; say http:\/\/ if it is meant to be so/],
  },
  'the token file is another one': {
    args: ['ps', '--token-file', 'empty.json'],
    status: 77,
    says: [/does not know this token.*; name the file of another token by --token-file/],
  },
  'the token has expired': {
    args: ['ps', '--token-file', 'expired'],
    status: 77,
    says: [/expired.*--token-file/],
  },
  'the token is for something else': {
    args: ['ps', '--token-file', 'state/server/registration.token'],
    status: 77,
    says: [/a token of kind registration was sent; this call takes .*; `runner whoami` shows/],
  },
  'the file of the CA is not one': {
    args: ['ps', '--ca-file', 'runner.cfg'],
    status: 78,
    says: [/runner\.cfg has no certificate in PEM; name another by --ca-file/],
  },
})

serverTest(t, 'mistakes in commands to a server', {}, async (t, server) => {
  const { rig, url } = server
  rig.configure({}, `[server]\nlisten = 127.0.0.1:${new URL(url).port}`)
  const made = await say(server, [
    'token',
    'create',
    'viewer',
    'v',
    '--expires-in',
    '1s',
    '--out',
    rig.path('expired'),
  ])
  t.equal(made.status, 0, made.err)
  writeFileSync(rig.path('binary'), Buffer.from([0xff, 0xfe, 0]))
  rig.file('huge', 'x'.repeat(200_000), 0o600)
  rig.file('empty.json', '{}', 0o600)
  rig.file('broken.json', '{nope', 0o600)
  const ids = [await server.submit(), await server.submit()].map(({ id }) => id)
  const [one, other] = ids as [string, string]
  let same = 8
  while (one[same] === other[same]) same++
  const env = { RUNNER_SERVER: url, RUNNER_SERVER_TOKEN_FILE: rig.path('state', 'server', 'admin.token') }
  await makeMistakes(t, rig, toAServer(url, { shared: one.slice(0, same), latest: other }), { env })
  await makeMistakes(t, rig, {
    'two servers use one store': {
      args: ['server', '--listen', '127.0.0.1:0'],
      status: 69,
      says: [
        /another server has \S+server\.db open, process \d+ .*: stop that one, or set database in \[server\]/,
      ],
    },
  })
  rig.file('other.cfg', `[runner]\nstate_dir = other\n[server]\nlisten = 127.0.0.1:${new URL(url).port}\n`)
  await makeMistakes(t, rig, {
    'the port is taken': {
      args: ['-c', 'other.cfg', 'server'],
      status: 69,
      says: [/127\.0\.0\.1:\d+ is in use by another program: stop that, or set listen in \[server\]/],
    },
  })
})
