import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { command } from '../support/command.ts'
import { program } from '../support/require.ts'
import { rigTest } from '../support/rig.ts'

const say = join(import.meta.dirname, '../../src/report/say.ts')
/** Says far more than waits for a reader, then that it goes on. */
const talkative = `
import { writeFileSync } from 'node:fs'
import { sayError } from '${say}'
for (let line = 0; line < 10_000; line++) sayError(\`\${'x'.repeat(500)}\\n\`)
writeFileSync('ready', '\\n')
`

for (const [what, before] of [
  ['terminal', ['script', '-qec']],
  ['pipe', ['sh', '-c']],
] as const)
  rigTest(
    t,
    `a ${what} on which nobody reads what runner says neither stops runner nor fills its memory`,
    { needs: [program('script')], env: { NODE: process.execPath } },
    async (t, rig) => {
      for (const name of ['view', 'ready']) rig.hold(name)
      rig.file('talkative.mjs', talkative)
      const reader = openSync(rig.path('view'), constants.O_RDONLY | constants.O_NONBLOCK)
      const writer = openSync(rig.path('view'), constants.O_WRONLY)
      const [first, ...words] = before
      const run = rig.start(what === 'terminal' ? ['/dev/null'] : [], {
        program: '"$NODE" talkative.mjs',
        before: [first, ...words],
        stdio: ['ignore', writer, writer],
      })
      closeSync(writer)
      await command('sh', ['-c', 'read x < "$1"', 'sh', rig.path('ready')])
      let said = ''
      const view = new Socket({ fd: reader, readable: true, writable: false }).setEncoding('latin1')
      const told = new Promise<void>(resolve =>
        view.on('data', (chunk: string) => {
          said = (said + chunk).slice(-10_000_000)
          if (/not read: [0-9]+ messages are not shown/.test(said.slice(-2000))) resolve()
        }),
      )
      t.equal(await run.ended, 0)
      await told
      view.destroy()
      t.ok(said.length < 2_000_000, `${said.length} bytes were kept for the reader`)
    },
  )
