/* The pages of docs/how-to/ that need neither root nor an engine nor systemd, followed as a reader follows them. */
import { mkdirSync } from 'node:fs'
import t from 'tap'
import { play } from '../support/operator.ts'
import { ownAddress } from '../support/own-address.ts'
import { below, type Following, follow, RigShell } from '../support/page-shell.ts'
import { program } from '../support/require.ts'
import { type Rig, rigTest } from '../support/rig.ts'
import { serverTest } from '../support/server.ts'

const openssl = program('openssl')

/** A chain of which the second task fails until there is a file `mended`. */
function chainThatFails(rig: Rig, folder: string): void {
  mkdirSync(rig.path(folder, 'tasks.d'))
  const settings = ['state_dir = state', 'retry_jitter = 0', 'sleep_time = 0', 'max_tries = 2']
  rig.file(`${folder}/runner.cfg`, `[runner]\n${settings.join('\n')}\n`)
  rig.file(`${folder}/tasks.d/10-network`, '#!/bin/sh\necho up\n', 0o755)
  const mount = '[ -e mended ] && exit\necho "mount.nfs: Connection timed out"\nexit 32'
  rig.file(`${folder}/tasks.d/20-mount`, `#!/bin/sh\n${mount}\n`, 0o755)
}

serverTest(t, 'the pages about a server', { needs: [openssl] }, async (t, server) => {
  const { rig } = server
  const runner = await server.runner({ name: 'build-3' })
  await using _ = runner.alive()
  const job = { image: 'builder:7', command: ['make', 'dist'] }
  const page = (
    name: string,
    { env = {}, before = '', ...following }: Following & { env?: NodeJS.ProcessEnv; before?: string },
  ) =>
    t.test(name, async t => {
      const RUNNER_SERVER_TOKEN_FILE = rig.path('state', 'server', 'admin.token')
      const shell = new RigShell(rig, {
        folder: name,
        env: { RUNNER_SERVER: server.url, RUNNER_SERVER_TOKEN_FILE, ...env },
      })
      if (before !== '') {
        chainThatFails(rig, name)
        await shell.run(before)
      }
      t.ok(await follow(t, `docs/how-to/${name}.md`, shell, following))
      await shell.close()
    })

  await server.submit({ job_name: 'nightly', ...job })
  const failed = { outcome: 'failed', exit_code: 2, reason: 'exit-status' }
  const ended = { ...failed, error_message: 'it ended with exit status 2' }
  await play(runner, "make: *** No rule to make target 'dist'.  Stop.\n", ended)
  await page('what-failed-last-night', {
    before: 'touch mended; runner run; rm mended; runner run',
    beside: ({ text }) => {
      if (text === 'runner run\n') rig.file('what-failed-last-night/mended', '')
      return text.startsWith('runner rerun') ? play(runner, 'made\n', {}) : undefined
    },
  })
  await server.call('PUT', '/v1/jobs/nightly', { body: job })
  await page('back-up-and-restore', {
    env: { RUNNER_CONFIG: rig.path('runner.cfg') },
    replace: { '127.0.0.1:8099': `${ownAddress(rig.id)}:8099`, ...below(rig, '/etc/systemd') },
  })
  await page('rotate-tokens', {})
  const dataDir = rig.path('state', 'server')
  await page('replace-the-admin-token', { replace: { '/var/lib/runner-server': dataDir } })
})

serverTest(t, 'the page about schedules', {}, async (t, { rig, url }) => {
  const RUNNER_SERVER_TOKEN_FILE = rig.path('state', 'server', 'admin.token')
  const shell = new RigShell(rig, { env: { RUNNER_SERVER: url, RUNNER_SERVER_TOKEN_FILE } })
  t.ok(await follow(t, 'docs/how-to/schedule-a-job.md', shell))
  await shell.close()
})

void rigTest(t, 'the page about TLS', { needs: [openssl] }, async (t, rig) => {
  const shell = new RigShell(rig, { folder: 'tls' })
  await follow(t, 'docs/how-to/tls.md', shell, {
    replace: { '192.0.2.10': ownAddress(rig.id) },
    beside: ({ text }) => {
      if (text === 'systemctl restart runner-server\n') return shell.again()
      return text === 'systemctl reload runner-server\n' ? shell.signal('SIGHUP', 'certificates') : undefined
    },
  })
  await shell.close()
})

void rigTest(t, 'the pages about a chain', {}, async (t, rig) => {
  for (const name of ['flaky-mirror', 'from-build-runner', 'run-a-task-once', 'shorten-a-boot']) {
    const shell = new RigShell(rig, { folder: name })
    t.ok(await follow(t, `docs/how-to/${name}.md`, shell))
    await shell.close()
  }
})
