/* The pages of docs/how-to/ that are about a host with systemd. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Test } from 'tap'
import type { Machine } from './machine.ts'
import { MachineShell } from './machine-shell.ts'
import { follow } from './page-shell.ts'

const install = (release: string) => `apt-get install ./runner_${release}_amd64.deb`

/** Follows the page about booting; the package is installed, and nothing of it configured. Leaves it so. */
export async function bootPage(t: Test, machine: Machine): Promise<void> {
  await machine.sh('cp -a /etc/runner/runner.cfg /root/kept.cfg')
  await follow(t, 'docs/how-to/boot-under-systemd.md', new MachineShell(machine), {
    beside: ({ text }) => (text === 'systemctl reboot\n' ? machine.reboot() : undefined),
  })
  const made = '/etc/runner/tasks.d/* /etc/systemd/system/app.service /srv/cache /srv/data'
  await machine.sh(
    `rm -rf ${made} /var/lib/runner/*; mv /root/kept.cfg /etc/runner/runner.cfg; systemctl daemon-reload`,
  )
}

/** Follows the page about upgrades, with the package `/root/runner.deb` in the place of the newer and the older one. */
export async function upgradePage(t: Test, machine: Machine): Promise<void> {
  await machine.write(
    '/etc/runner/runner.cfg',
    `[server]
database = sqlite:/var/lib/runner-server/server.db
[remote]
url = http://127.0.0.1:8080
token_file = /var/lib/runner-server/registration.token
name = build-1
on_stop = detach
`,
  )
  await machine.sh('systemctl start runner-server runner-attach')
  await follow(t, 'docs/how-to/upgrade.md', new MachineShell(machine), {
    replace: { [install('0.2.0')]: 'dpkg -i /root/runner.deb > /dev/null' },
    beside: ({ text }) => (text.includes('--allow-downgrades') ? newerStore(machine) : undefined),
  })
  const made =
    '/root/newer-store /root/before-upgrade.backup /var/lib/runner/remote /var/lib/private/runner-server/*'
  await machine.sh(`systemctl stop runner-attach runner-server; rm -rf ${made}`)
}

/** Stops the server, and marks its store as one of a release with more steps. */
async function newerStore(machine: Machine): Promise<void> {
  const here = join(machine.engine.directory, 'server.db')
  const there = '/var/lib/private/runner-server/server.db'
  await machine.sh(`systemctl stop runner-server; cp ${there} /srv/engine/server.db`)
  const store = new DatabaseSync(here)
  store.exec('PRAGMA user_version = 99')
  store.close()
  await machine.sh(
    `cat /srv/engine/server.db > ${there}; rm /srv/engine/server.db; rm -f ${there}-wal ${there}-shm`,
  )
}
