import { globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeImage, staticBusybox, withBusybox } from '../support/images.ts'
import { Machine, machineNeeds } from '../support/machine.ts'
import { bootPage, upgradePage } from '../support/machine-pages.ts'
import { packageNeeds, sharedPackage } from '../support/package.ts'
import { testWith } from '../support/require.ts'

t.setTimeout(1_800_000)

const tasks = {
  '10-first': 'echo "first" >> /root/done; echo "the first one"',
  // Each flag makes it do something else; it meets the test at FIFOs.
  '20-middle': `
echo middle >> /root/done
if [ -e /root/reboot ]; then rm /root/reboot; exit 194; fi
if [ -e /root/halt ]; then echo 'the middle one'; exit 2; fi
if [ -e /root/slow-to-end ]; then trap 'sleep 4; echo trapped >> /root/done; exit 1' TERM; echo > /root/up; sleep 1000 & wait $!; fi
if [ -e /root/hold ]; then echo > /root/up; read line < /root/hold; fi`,
  '30-last': 'echo last >> /root/done',
}

const needs = [...machineNeeds, ...packageNeeds, staticBusybox]

testWith(t, 'the package on a machine with systemd', needs, async t => {
  const building = sharedPackage()
  building.catch(() => {})
  await using machine = await Machine.boot()
  await machine.copy((await building).deb, '/root/runner.deb')
  await onMachine(t, machine)
})

async function onMachine(t: Test, machine: Machine): Promise<void> {
  const sh = (script: string) => machine.sh(script)
  const show = (property: string) => sh(`systemctl show --property=${property} --value runner`)
  const done = async () => (await sh('cat /root/done')).split('\n')
  /** Waits for the end of the chain, however it ends. */
  const ended = () => sh('systemctl start runner || true')
  /** Begins the chain anew, up to the middle task, in which it stays. */
  const hold = async () => {
    await sh('rm -f /root/done; [ -p /root/hold ] || mkfifo /root/hold; systemctl restart --no-block runner')
    await atMiddle()
  }
  const atMiddle = () => sh('cat /root/up')
  const release = async () => {
    await sh('echo > /root/hold')
    await ended()
    t.equal(await show('ActiveState'), 'active')
  }
  /** The entries of the journal from this boot. */
  const journal = (...args: string[]) =>
    sh(`journalctl --sync; journalctl -q -b --no-pager -o cat ${args.join(' ')} || true`)

  const step = async (title: string, body: (t: Test) => Promise<void>) => {
    await t.test(title, async t => {
      try {
        await body(t)
      } catch (error) {
        t.comment(
          await sh(
            'systemctl status runner runner-server runner-attach || true; journalctl -q -b --no-pager -u runner -u runner-server -u runner-attach -n 80',
          ).catch(String),
        )
        throw error
      }
    })
    if (!t.passing()) throw new Error(`no use in going on after: ${title}`)
  }

  await step('it installs without Node, and enables nothing', async t => {
    t.equal(await sh('command -v node || echo none'), 'none')
    await sh('dpkg -i /root/runner.deb')
    t.match(await sh('runner --version'), /^\d+\.\d+\.\d+$/)
    t.equal(await sh('systemctl is-enabled runner || true'), 'disabled')
    t.equal(await sh('stat -c %a /var/lib/runner'), '700')
    t.equal(
      await sh(
        'systemd-analyze verify --man=no runner.service runner@site.service runner-server.service runner-attach.service 2>&1',
      ),
      '',
    )
  })

  await step('each unit gives a reason for each exposure', async t => {
    for (const file of ['runner.service', 'runner-server.service', 'runner-attach.service']) {
      const unit = await sh(`cat /lib/systemd/system/${file}`)
      const said = await sh(`systemd-analyze security --offline=yes --json=short /lib/systemd/system/${file}`)
      const settings = JSON.parse(said) as { set: boolean | null; name: string; exposure: string | null }[]
      const exposed = settings.filter(({ set, exposure }) => set === false && Number(exposure) > 0)
      for (const name of new Set(exposed.map(({ name }) => name.replace(/[=/].*/, '='))))
        t.match(unit, new RegExp(`^(#  .*\\b)?${name}`, 'm'), `${file}: ${name}`)
    }
  })

  await step('docs/how-to/boot-under-systemd.md is what happens', t => bootPage(t, machine))

  await step('a chain without a task is refused, and says why', async t => {
    t.match(await sh('runner check 2>&1 || true'), /there is no task in this directory/)
    await sh('! systemctl start runner')
    t.equal(await show('ActiveState'), 'failed')
    t.match(await journal('-u', 'runner'), /there is no task in this directory/)
    await sh('systemctl reset-failed runner')
  })

  for (const [name, text] of Object.entries(tasks))
    await machine.write(`/etc/runner/tasks.d/${name}`, `#!/bin/sh\n${text}\n`, '0755')
  await machine.write('/etc/runner/tasks.d/halt.sh', '#!/bin/sh\n', '0755')
  await sh('mkfifo /root/up')

  await step('enabled, it runs the chain at boot, and the journal has it by its fields', async t => {
    await sh('systemctl enable runner')
    await machine.reboot()
    await ended()
    t.equal(await sh('systemctl is-active runner'), 'active')
    t.same(await done(), ['first', 'middle', 'last'])
    t.match(await show('StatusText'), /^run \d+ succeeded: 3 tasks in /)
    t.match(await journal('RUNNER_TASK=first'), /^10-first: started \(try 1 of 5\)\n10-first: OK \(.*\)$/)
    t.equal(await journal('RUNNER_TASK=first', 'RUNNER_TRY=2'), '')
    t.match(await journal('RUNNER_EVENT=run:ended', '-p', 'info'), /^run \d+ succeeded: 3 tasks in /)
    t.equal(await journal('RUNNER_EVENT=run:ended', '-p', 'warning'), '')
    const unit = (await journal('-u', 'runner')).split('\n')
    for (const line of [/^the first one$/, /^10-first: OK/, /^30-last: started/, /^run \d+: 3 tasks/])
      t.equal(unit.filter(text => line.test(text)).length, 1, `${line} is there, once`)
  })

  await step('killed in mid-chain, it is started again and goes on', async t => {
    await hold()
    const status = 'systemctl show --property=StatusText --value runner'
    await sh(`until ${status} | grep -Fx '20-middle: started (try 1 of 5)'; do sleep 0.05; done`)
    await sh(`kill -KILL ${await show('MainPID')}`)
    await atMiddle()
    await release()
    t.same(await done(), ['first', 'middle', 'middle', 'last'])
    t.match(await journal('-u', 'runner'), /resuming run \d+; done, and not run again: 10-first/)
  })

  await step('an upgrade leaves a running chain unharmed', async t => {
    await hold()
    const pid = await show('MainPID')
    await sh('dpkg -i /root/runner.deb')
    t.equal(await show('MainPID'), pid)
    await release()
    t.same(await done(), ['first', 'middle', 'last'])
  })

  await step('an upgrade says what the next boot would refuse, and goes on', async t => {
    await sh('cp /etc/runner/runner.cfg /root/kept.cfg; echo "max_time 5" >> /etc/runner/runner.cfg')
    const said = await sh('dpkg -i /root/runner.deb 2>&1')
    t.match(
      said,
      /the next boot will not run the chain of this host:\n.*runner\.cfg:\d+: error: this says nothing/,
    )
    await sh('cat /root/kept.cfg > /etc/runner/runner.cfg')
    t.notMatch(await sh('dpkg -i /root/runner.deb 2>&1'), /the next boot/)
  })

  await step('an event loop that hangs is ended, and the run gone on with', async t => {
    const quick = '[Service]\nTimeoutStartSec=2s\nWatchdogSec=2s\n'
    await machine.write('/etc/systemd/system/runner.service.d/quick.conf', quick)
    await sh('systemctl daemon-reload')
    await hold()
    await sh(`sleep 4; [ "$(systemctl show -p MainPID --value runner)" = ${await show('MainPID')} ]`)
    t.equal(await show('ActiveState'), 'activating', 'a loop that turns may take longer than TimeoutStartSec')
    await sh(`kill -STOP ${await show('MainPID')}`)
    await atMiddle()
    await release()
    t.same(await done(), ['first', 'middle', 'middle', 'last'])
    t.match(await journal('-u', 'runner'), /runner.service: start operation timed out/)
    await sh('rm -r /etc/systemd/system/runner.service.d; systemctl daemon-reload')
  })

  await step('stopped in mid-task, the task has its grace; started again, the chain goes on', async t => {
    // Less than the task takes to end, and enough because runner asks for more.
    const quick = '[Service]\nTimeoutStopSec=2s\nWatchdogSec=2s\n'
    await machine.write('/etc/systemd/system/runner.service.d/quick.conf', quick)
    await sh('systemctl daemon-reload; rm /root/hold; touch /root/slow-to-end')
    await sh('rm -f /root/done; systemctl restart --no-block runner')
    await atMiddle()
    await sh('systemctl stop runner')
    t.equal(await show('ActiveState'), 'inactive', 'which is no failure')
    t.same(await done(), ['first', 'middle', 'trapped'])
    await sh('rm -r /etc/systemd/system/runner.service.d; systemctl daemon-reload')
    await sh('rm /root/slow-to-end; systemctl start runner')
    t.same(await done(), ['first', 'middle', 'trapped', 'middle', 'last'])
  })

  await step('after a crash of the machine the chain starts over', async t => {
    await hold()
    await machine.crash()
    await atMiddle()
    await release()
    t.same(await done(), ['first', 'middle', 'first', 'middle', 'last'])
    t.match(await journal('-u', 'runner'), /from the beginning: run \d+ was interrupted in another boot/)
  })

  await step('after a reboot that a task asked for the chain goes on', async t => {
    await machine.write('/etc/runner/runner.cfg', '[runner]\nreboot_command = systemctl reboot\n')
    await sh('rm -f /root/done /root/hold; touch /root/reboot; systemctl restart --no-block runner')
    await machine.rebootsItself()
    await ended()
    t.equal(await show('ActiveState'), 'active')
    t.same(await done(), ['first', 'middle', 'last'])
  })

  await step('a chain that halts fails the unit, and is not started again', async t => {
    await sh('rm -f /root/done; touch /root/halt; systemctl restart runner || true')
    t.equal(await show('ActiveState'), 'failed')
    t.equal(await show('ExecMainStatus'), '2')
    t.equal(await show('NRestarts'), '0')
    t.same(await done(), ['first', 'middle'])
    t.match(
      await journal('RUNNER_TASK=middle', '-p', 'err'),
      /was halted by 20-middle .*\n {2}\| the middle one/,
    )
    await sh('rm /root/halt; systemctl reset-failed runner')
  })

  await step('a further chain has a directory of its own', async t => {
    await machine.write('/etc/runner/site/runner.cfg', '[runner]\n')
    await machine.write('/etc/runner/site/tasks.d/one', '#!/bin/sh\necho site >> /root/done\n', '0755')
    await sh('systemctl start runner@site')
    t.equal((await done()).at(-1), 'site')
    t.equal(await sh('systemctl is-active runner@site'), 'active')
    await sh('rm -r /etc/runner/site')
  })

  await step('the control plane serves, confined, and is started again after a crash', async t => {
    const server = (property: string) => sh(`systemctl show --property=${property} --value runner-server`)
    await machine.write(
      '/etc/runner/runner.cfg',
      '[server]\ndatabase = sqlite:/var/lib/runner-server/server.db\n',
    )
    await sh('systemctl start runner-server')
    t.equal(await server('StatusText'), 'listens on http://127.0.0.1:8080')
    t.equal(await sh('runner ps --json'), '[]')
    const pid = await server('MainPID')
    t.not(await sh(`stat -c %u /proc/${pid}`), '0')
    await sh('systemctl reload runner-server')
    t.equal(await server('MainPID'), pid, 'a reload ends nothing')
    await sh(`kill -KILL ${await server('MainPID')}`)
    const restarts = '[ "$(systemctl show --property=NRestarts --value runner-server)" = 1 ]'
    await sh(`until ${restarts} && systemctl is-active -q runner-server; do sleep 0.05; done`)
    t.equal(await sh('runner ps --json'), '[]')
    await sh('systemctl stop runner-server')
    t.equal(await server('Result'), 'success')
  })

  await step('docs/how-to/upgrade.md is what happens', t => upgradePage(t, machine))

  await step(
    'an attached runner, confined: an upgrade starts the new version, which takes up the job that goes on',
    async t => {
      const { engine } = machine
      await makeImage(engine, 'box', { fill: withBusybox })
      await machine.copy(staticBusybox.path, '/usr/bin/busybox')
      await machine.write(
        '/etc/runner/runner.cfg',
        `[server]
database = sqlite:/var/lib/runner-server/server.db
[remote]
url = http://127.0.0.1:8080
token_file = /var/lib/runner-server/registration.token
work_dir = /srv/engine/work
[executor]
docker_host = unix:///srv/engine/docker.sock
host_work_dir = ${join(engine.directory, 'work')}
pull = never
network = none
`,
      )
      const unit = '/etc/systemd/system/runner-attach.service.d'
      await machine.write(`${unit}/work.conf`, '[Service]\nReadWritePaths=/srv/engine\n')
      await sh('systemctl daemon-reload; systemctl start runner-server runner-attach')
      const pid = () => sh('systemctl show --property=MainPID --value runner-attach')
      const before = await pid()

      const held =
        'echo began; until ls /.runner/jobs/*/go >/dev/null 2>&1; do sleep 0.05; done; echo went on; exit 3'
      const { id } = JSON.parse(await sh(`runner submit --image box --json -- sh -c '${held}'`)) as {
        id: string
      }
      await sh(`until [ "$(runner logs ${id})" = began ]; do sleep 0.2; done`)
      t.match(
        await sh('dpkg -i /root/runner.deb'),
        'the attached runner is restarted; its jobs go on meanwhile',
      )
      t.not(await pid(), before)
      t.equal(await sh('runner submit --image box --wait -- sh -c "echo meanwhile"'), 'meanwhile')
      const [exchangeDir] = globSync(join(engine.directory, 'work', '*', 'jobs', id))
      writeFileSync(join(exchangeDir!, 'go'), '')
      await sh(`until runner show ${id} --json | grep -q '"state": *"failed"'; do sleep 0.2; done`)
      t.match(JSON.parse(await sh(`runner show ${id} --json`)), {
        exit_code: 3,
        attempt: 1,
        output: 'began\nwent on\n',
        log: { complete: true },
      })
      t.match(
        await sh('journalctl -q -b --no-pager -o cat -u runner-attach'),
        /found jobs of an earlier process: 1 running/,
      )
    },
  )

  await step('removed, it drains, says so, and then aborts what still runs, with its grace', async t => {
    const traps = "trap 'echo graceful; exit 1' TERM; echo began; while :; do sleep 0.1; done"
    const submit = `runner submit --image box --json --abort-timeout 20 -- sh -c "${traps}"`
    const { id } = JSON.parse(await sh(submit)) as { id: string }
    await sh(`until [ "$(runner logs ${id})" = began ]; do sleep 0.2; done`)
    const said = await sh('RUNNER_DRAIN_SECONDS=2 dpkg -r runner')
    t.match(said, 'the attached runner takes no more jobs; those that run have 2 s to end')
    t.match(said, 'jobs still run after 2 s: they are aborted, and each has its own grace to end')
    t.same(globSync(join(machine.engine.directory, 'work', '*')), [], 'nothing is left of its containers')
    await sh('dpkg -i /root/runner.deb; systemctl start runner-server')
    t.match(JSON.parse(await sh(`runner show ${id} --json`)), {
      state: 'aborted',
      output: 'began\ngraceful\n',
      log: { complete: true },
    })
    await sh('systemctl stop runner-server; rm -r /etc/systemd/system/runner-attach.service.d')
  })

  await step('removed, it has ended; purged, nothing is left but what is the administrator’s', async t => {
    const pids = 'ps -e -o args= 2>/dev/null || cat /proc/[0-9]*/cmdline | tr "\\0" " "'
    await sh('systemctl start runner@none || systemctl is-failed runner@none')
    await hold()
    await sh('dpkg -r runner')
    t.notMatch(await sh(pids), '/usr/lib/runner')
    t.equal(await sh('ls /var/lib/runner/runs | grep -c .'), await sh('ls /var/lib/runner/runs | wc -l'))
    await sh('dpkg -P runner')
    const left = await sh(
      "find / -xdev -name '*runner*' ! -path '/proc/*' ! -path '/root/*' ! -path '/sys/*'",
    )
    t.same(left.split('\n').sort(), ['/etc/runner'])
    t.equal(await sh("systemctl list-units --all --plain --no-legend 'runner*'"), '', 'nor a failed unit')
    t.same((await sh('find /etc/runner -type f | sort')).split('\n'), [
      '/etc/runner/tasks.d/10-first',
      '/etc/runner/tasks.d/20-middle',
      '/etc/runner/tasks.d/30-last',
      '/etc/runner/tasks.d/halt.sh',
    ])
  })
}
