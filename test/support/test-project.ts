/* Projects of their own with tests, which scripts/test.ts runs, and which are cut off. */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Test } from 'tap'
import { systemClock } from '../../src/edges.ts'
import { isAlive, processesWith } from './processes.ts'
import { mark } from './reaper.ts'
import { Run } from './run.ts'

/** The name by which a module of test/support is imported from anywhere. */
export const support = (name: string): string => JSON.stringify(resolve('test/support', name))

/** The end of an endless test: it says who it is, and waits. */
export const endlessly = `  const { marked } = await import(${support('reaper.ts')})
  writeFileSync('begun.json', JSON.stringify({ pid: process.pid, mark: Object.values(marked)[0] }))
  await new Promise(() => {})
`

/** Another project with tests, whose files are run by scripts/test.ts. */
export function project(t: Test, files: Record<string, string>) {
  const link = (name: string) => t.fixture('symlink', resolve(name))
  const directory = t.testdir({
    'package.json': '{"type": "module"}',
    node_modules: link('node_modules'),
    scripts: link('scripts'),
    test: files,
  })
  // The program gets nothing of the tap that runs this file.
  const own = Object.entries(process.env).filter(([name]) => !/^(_?TAP|NODE_OPTIONS|RUNNER_TEST)/.test(name))
  const run = new Run({
    command: process.execPath,
    args: ['scripts/test.ts', ...Object.keys(files).map(name => `test/${name}`)],
    cwd: directory,
    // CI is set, as on a build server; some programs look at it.
    env: { ...Object.fromEntries(own), CI: 'true' },
    lasting: true,
    // tap itself takes a while to start.
    timeout: 60,
  })
  t.teardown(() => run.child.kill('SIGKILL'))
  return { directory, run }
}

/** Waits until the endless test runs. */
export async function begun(directory: string): Promise<{ pid: number; mark: string }> {
  const file = join(directory, 'begun.json')
  while (!existsSync(file) || readFileSync(file, 'utf8') === '') await systemClock.sleep(0.05)
  return JSON.parse(readFileSync(file, 'utf8'))
}

/** Waits until nothing is left of a test that was cut off; says what is left after ten seconds. */
export async function remains(directory: string, test: { pid: number; mark: string }): Promise<string[]> {
  for (let look = 0; ; look++) {
    const left = [
      ...processesWith(mark, test.mark).map(({ command }) => command),
      ...(isAlive(test.pid) ? ['the test itself'] : []),
      ...globSync(join(directory, '.tap/fixtures/*')).filter(path => readdirSync(path).length > 0),
      ...globSync(join(tmpdir(), `runner-test-${test.pid}-*`)),
      ...globSync(`/sys/fs/cgroup/{,*/}runner-test-${test.pid}`),
    ]
    if (left.length === 0 || look === 200) return left
    await systemClock.sleep(0.05)
  }
}
