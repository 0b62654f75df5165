/*
 * Makes docs/pictures/*.svg: the screen of a terminal (tmux(1)) in which the real program runs. Needs tmux;
 * root, a Docker engine and busybox for the last one. `scripts/node scripts/pictures.ts`, after `npm run build`.
 */
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { execaSync } from 'execa'
import { systemClock } from '../src/edges.ts'
import { Engine, withNetworks } from '../test/support/engine.ts'
import { makeImage, withBusybox } from '../test/support/images.ts'

const usual = { columns: 92, rows: 26 }
const folder = mkdtempSync(join(tmpdir(), 'runner-pictures-'))
const tmux = (...args: string[]) => execaSync('tmux', ['-L', folder.replaceAll('/', '-'), ...args]).stdout

/** A terminal with a shell in it. */
class Screen {
  readonly #name: string

  constructor(
    name: string,
    directory: string,
    env: Record<string, string>,
    before: string[] = [],
    { columns, rows } = usual,
  ) {
    this.#name = name
    const pairs = Object.entries({ ...env, PS1: '$ ' }).map(([key, value]) => `${key}=${value}`)
    const size = ['-x', `${columns}`, '-y', `${rows}`]
    tmux('new-session', '-d', '-s', name, ...size, '-c', directory, ...before, 'env', ...pairs, 'sh', '-i')
  }

  type(command: string): void {
    tmux('send-keys', '-t', `=${this.#name}:`, command, 'Enter')
  }

  interrupt(): void {
    tmux('send-keys', '-t', `=${this.#name}:`, 'C-c')
  }

  /** The screen with its colours, once it shows a text. */
  async shows(text: string | RegExp): Promise<string> {
    for (;;) {
      const plain = tmux('capture-pane', '-p', '-t', `=${this.#name}:`)
      if (plain.search(text) !== -1) return tmux('capture-pane', '-p', '-e', '-t', `=${this.#name}:`)
      await systemClock.sleep(0.05)
    }
  }
}

const colours: Record<string, string> = {
  30: '#073642',
  31: '#ff6b68',
  32: '#7bd88f',
  33: '#f5c451',
  34: '#6cb6ff',
  35: '#d2a8ff',
  36: '#67d4e0',
  37: '#d7dde4',
  90: '#8b949e',
  91: '#ff8f8c',
  92: '#a5e8b3',
  93: '#ffd97a',
}

/** A screen as a picture, without the empty rows at its end. */
function svg(screen: string, title: string, columns: number): string {
  const [width, height, margin] = [8.4, 18, 14]
  const lines = screen.trimEnd().split('\n')
  const texts = lines.flatMap((line, row) => {
    let [column, colour, bold] = [0, '', false]
    return line.split(/\x1b\[([\d;]*)m/).flatMap((part, at) => {
      if (at % 2 === 1) {
        for (const code of (part || '0').split(';')) {
          if (code === '0') [colour, bold] = ['', false]
          if (code === '1' || code === '22') bold = code === '1'
          if (code === '39' || code in colours) colour = colours[code] ?? ''
        }
        return []
      }
      const [x, length] = [margin + column * width, part.length * width]
      column += part.length
      if (part.trim() === '') return []
      const look = `${colour && ` fill="${colour}"`}${bold ? ' font-weight="bold"' : ''}`
      const place = `x="${x.toFixed(1)}" y="${margin + (row + 0.75) * height}" textLength="${length.toFixed(1)}"`
      return `<text ${place}${look}>${escaped(part)}</text>`
    })
  })
  const size = [columns * width + 2 * margin, lines.length * height + 2 * margin].map(Math.ceil)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.join(' ')}" width="${size[0]}" height="${size[1]}">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" rx="8" fill="#0f1720"/>
<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14" fill="#d7dde4" xml:space="preserve">
${texts.join('\n')}
</g>
</svg>
`
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** Writes a picture, with a usual path in the place of that of a temporary directory. */
function draw(name: string, screen: string, title: string, { columns } = usual): void {
  const shown = screen.replaceAll(folder, '/etc/runner').replace(/\n\$\s*$/, '')
  writeFileSync(`docs/pictures/${name}.svg`, svg(shown, title, columns))
}

/** A chain that waits in its fourth task until a file is there. */
function makeChain(directory: string): void {
  const tasks: Record<string, string> = {
    '10-network.sh': 'sleep 0.3; echo "network: eth0 is up"',
    '20-disk.sh': 'sleep 0.2; echo "disk: 38 GB free on /builds"',
    '30-fetch.sh':
      'sleep 0.4; [ "$RUNNER_TRY" -gt 1 ] || { echo "fetch: the mirror does not answer" >&2; exit 1; }; echo "fetch: 212 packages"',
    '40-build.sh':
      'for part in kernel libraries tools images; do echo "build: $part"; sleep 0.2; done; until [ -e go ]; do sleep 0.1; done',
    '50-test.sh': 'sleep 0.2; echo "test: 640 passed"',
    '60-publish.sh': 'sleep 0.1; echo "publish: release 42"',
  }
  mkdirSync(join(directory, 'tasks.d'), { recursive: true })
  for (const [name, text] of Object.entries(tasks)) {
    const file = join(directory, 'tasks.d', name)
    writeFileSync(file, `#!/bin/sh\ncd "\${0%/*}/.."\n${text}\n`)
    chmodSync(file, 0o755)
  }
  const keys = 'state_dir = state\nsleep_time = 0.2\nretry_jitter = 0\nretry_from = failed\n'
  writeFileSync(join(directory, 'runner.cfg'), `[runner]\n${keys}`)
}

/** The same chain with a task that ends neither of its tries in time, and a task for that case. */
function makeFailingChain(directory: string): void {
  makeChain(directory)
  writeFileSync(join(directory, 'tasks.d', 'halt.sh'), '#!/bin/sh\necho "halt: left as it is for a look"\n', {
    mode: 0o755,
  })
  const keys = 'halt_task = halt.sh\nmax_tries = 2\nmax_time = 1.5\nkill_grace = 1\n'
  appendFileSync(join(directory, 'runner.cfg'), keys)
}

const env = { PATH: `${resolve('bin')}:${process.env.PATH}`, HOME: folder }
await using engine = await Engine.start(...withNetworks)
try {
  const help = new Screen('help', folder, env)
  help.type('runner --help')
  draw('help', await help.shows(/--version\s+\$/), 'runner --help')

  makeChain(folder)
  const live = new Screen('live', folder, env)
  writeFileSync(join(folder, 'go'), '')
  live.type('runner run')
  await live.shows('run 1 succeeded')
  rmSync(join(folder, 'go'))
  live.type('clear; runner run')
  draw(
    'live',
    await live.shows('build: images'),
    'A chain of six tasks on a terminal, the fourth of them running',
  )
  writeFileSync(join(folder, 'go'), '')
  await live.shows('run 2 succeeded')

  const small = { columns: 44, rows: 15 }
  rmSync(join(folder, 'go'))
  const narrow = new Screen('narrow', folder, env, [], small)
  narrow.type('clear; runner run')
  draw('narrow', await narrow.shows('build: images'), 'The same chain in a narrow window', small)
  writeFileSync(join(folder, 'go'), '')
  await narrow.shows('succeeded')

  const failing = join(folder, 'failing')
  makeFailingChain(failing)
  const failed = new Screen('failing', failing, env)
  failed.type('clear; runner run')
  draw(
    'failing',
    await failed.shows(/gave up[\s\S]*\n\$\s*$/),
    'A chain whose fourth task runs into its time limit',
  )
  failed.type('clear; runner explain')
  draw('explain', await failed.shows(/All of its output[\s\S]*\n\$\s*$/), 'runner explain of that run')

  await makeImage(engine, 'busybox', { fill: root => withBusybox(root, ['sh', 'echo']) })
  const there = ['nsenter', `--net=${engine.network}`, '--']
  const [server, node, operator] = ['server', 'node', 'operator'].map(
    name => new Screen(name, folder, { ...env, DOCKER_HOST: `unix://${engine.socket}` }, there),
  )
  server!.type('runner server')
  await server!.shows('submit a job')
  node!.type('runner attach --server http://127.0.0.1:8080 --token-file state/server/registration.token')
  await node!.shows('jobs can be started')
  operator!.type('runner submit --image busybox --wait -- echo hello')
  await operator!.shows(/succeeded \(.*\n\$/)
  operator!.type('runner ps --all')
  draw(
    'first-job',
    await operator!.shows(/busybox +succeeded[^(]*\n\$/),
    'The first job: submitted, its log, and the list of executions',
  )
  node!.interrupt()
  await node!.shows('stopped')
  server!.interrupt()
} finally {
  tmux('kill-server')
  rmSync(folder, { recursive: true })
}
