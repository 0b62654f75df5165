/* The addresses that jobs in containers can reach: each other, and hosts beyond the engine's. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Container } from '../../src/remote/executors/docker/container.ts'
import type { Slot } from '../../src/remote/executors/executor.ts'
import { command } from './command.ts'
import { type Engine, networkNeeds } from './engine.ts'
import type { EngineRig } from './executors.ts'
import { staticBusybox } from './images.ts'
import { type Component, program } from './require.ts'

/** The components that this needs beside an engine. */
export const neighbourNeeds: Component[] = [...networkNeeds, ...['ip', 'nsenter', 'setpriv'].map(program)]

/** Serves a page at port 7000, until it is aborted. */
const listens = `
mkdir /tmp/web; echo reached >/tmp/web/page
busybox httpd -p 7000 -h /tmp/web
until busybox nc -w 3 127.0.0.1 7000 </dev/null >/dev/null 2>&1; do sleep 0.05; done
echo listening; sleep 1000`

/** Asks hosts for that page, and says of each whether it has come; connecting takes at most 3 seconds. */
const asks = (...hosts: string[]) => `
for host in ${hosts.join(' ')}; do
  page=$(printf 'GET /page HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 3 $host 7000 2>/dev/null | tail -n 1)
  echo "\${page:-nothing}"
done`

/** A host outside of the engine's, whose only neighbour is the engine's host; serves the page. */
export async function outsideOf(engine: Engine): Promise<{ address: string } & AsyncDisposable> {
  const web = join(engine.directory, 'outside')
  mkdirSync(web)
  writeFileSync(join(web, 'page'), 'reached\n')
  const inEngine = [`--net=${engine.network}`, '--']
  const serve = [staticBusybox.path, 'httpd', '-f', '-p', '7000', '-h', web]
  const words = ['--pdeathsig', 'KILL', 'nsenter', ...inEngine, 'unshare', '--net', ...serve]
  const host = execa('setpriv', words, { reject: false })
  const net = `/proc/${host.pid}/ns/net`
  // Until it has a network of its own, the link could not be moved into that.
  const before = await command('readlink', [engine.network])
  while (['', before].includes(await command('readlink', [net]))) await new Promise(setImmediate)
  const ip = (where: string, line: string) =>
    command('nsenter', [`--net=${where}`, '--', 'ip', ...line.split(' ')])
  await ip(engine.network, `link add near type veth peer name far netns ${host.pid}`)
  await ip(engine.network, 'addr add 192.0.2.1/24 dev near')
  await ip(engine.network, 'link set near up')
  await ip(net, 'addr add 192.0.2.2/24 dev far')
  await ip(net, 'link set far up')
  return {
    address: '192.0.2.2',
    async [Symbol.asyncDispose]() {
      host.kill('SIGKILL')
      await host
    },
  }
}

/** A container with a network. */
export interface Neighbour {
  where: Container | Slot
  name: string
  close(): Promise<unknown>
}

/** Whether a job reaches another one in another container, and a host outside. */
export async function reaches(
  rig: EngineRig,
  outside: string,
  open: () => Promise<Neighbour>,
): Promise<{ neighbour: boolean; beyond: boolean }> {
  const [one, another] = [await open(), await open()]
  const server = await rig.start(one.where, 'box', { command: ['sh', '-c', listens] })
  await server.says('listening\n')
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
  const address = await rig.engine.docker('inspect', '--format', format, one.name)
  const { log } = await rig.run(another.where, 'box', { command: ['sh', '-c', asks(address, outside)] })
  const [neighbour, beyond] = log.split('\n').map(line => line === 'reached')
  server.watch.abort()
  await server.finished()
  await Promise.all([one, another].map(({ close }) => close()))
  return { neighbour: neighbour!, beyond: beyond! }
}
