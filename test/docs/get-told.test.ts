/* The page about notifications, followed as a reader follows it, with a web hook that takes what the server sends. */
import t from 'tap'
import { HookReceiver } from '../support/hook-receiver.ts'
import { play } from '../support/operator.ts'
import { follow, RigShell } from '../support/page-shell.ts'
import { serverTest } from '../support/server.ts'

const hook = await HookReceiver.open()
t.teardown(() => hook[Symbol.asyncDispose]())

serverTest(
  t,
  'the page about notifications',
  { settings: { notify_private: 'yes' }, config: () => `[notify.ops]\nurl = ${hook.url()}\n` },
  async (t, server) => {
    const runner = await server.runner({ name: 'build-3' })
    await using _ = runner.alive()
    const ended = {
      outcome: 'failed',
      exit_code: 2,
      reason: 'exit-status',
      error_message: 'it ended with exit status 2',
    }
    const shell = new RigShell(server.rig, {
      folder: 'page',
      env: {
        RUNNER_SERVER: server.url,
        RUNNER_SERVER_TOKEN_FILE: server.rig.path('state', 'server', 'admin.token'),
      },
    })
    t.ok(
      await follow(t, 'docs/how-to/get-told.md', shell, {
        beside: ({ text }) =>
          text.startsWith('runner submit')
            ? Promise.all([play(runner, 'no\n', ended), hook.find(isFailure)])
            : undefined,
      }),
    )
    await shell.close()
    t.equal(
      (await hook.find(isFailure)).json.text,
      'Job nightly has failed on build-3: exit status 2; it ended with exit status 2',
    )
  },
)

const isFailure = ({ json }: { json: { event: string } }) => json.event === 'failure'
