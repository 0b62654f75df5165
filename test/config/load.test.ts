import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Configuration, loadConfiguration } from '../../src/config/load.ts'

function load(dir: string, text: string): Configuration {
  const file = join(dir, 'runner.cfg')
  writeFileSync(file, text)
  const loaded = loadConfiguration(file, { XDG_STATE_HOME: '/state' })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.failure))
  return loaded.value
}

t.test('without a file the defaults are in force', async t => {
  const loaded = loadConfiguration(undefined, {})
  t.match(loaded, { ok: true, value: { file: undefined, files: [], findings: [], env: {} } })
})

t.test('values have the types of their keys, and a relative path is relative to its file', async t => {
  const dir = t.testdir()
  const { runner, findings } = load(
    dir,
    '[runner]\nmax_time = 0.5\nretry_from = failed\ncompatible = yes\nmin_free = 2k\nmetrics_file = m\ntask_hook = ./hook "a b"',
  )
  t.same(findings, [])
  t.match(runner, { max_time: 0.5, retry_from: 'failed', compatible: true, min_free: 2048 })
  t.equal(runner.metrics_file, join(dir, 'm'))
  t.same(runner.task_hook, [join(dir, 'hook'), 'a b'])
  t.notHas(load(dir, '').runner, { metrics_file: String })
})

t.test('a wrong value counts as not set', async t => {
  const { runner, server, findings } = load(
    t.testdir(),
    '[runner]\nmax_tries = 0\ntask_hook = "\n[server]\nlisten = :70000',
  )
  t.equal(runner.max_tries, 5)
  t.same(runner.task_hook, [])
  t.same(server.listen, { host: '127.0.0.1', port: 8080 })
  t.same(
    findings.map(({ line, message }) => `${line}: ${message}`),
    [
      '2: max_tries is "0"; it must be a whole number, 1 or more',
      '3: task_hook cannot be split into words: Got EOF while in a quoted string',
      '5: listen is :70000; a port is at most 65535',
    ],
  )
})

t.test('a key with the name of a property that every object has is an unknown key', async t => {
  const { findings, texts } = load(
    t.testdir(),
    '[runner]\ntoString = 1\n__proto__ = 2\n[remote]\nconstructor = 3',
  )
  t.same(
    findings.map(({ severity, message }) => `${severity}: ${message}`),
    [
      'error: [runner] has no key toString',
      'error: [runner] has no key __proto__',
      'error: [remote] has no key constructor',
    ],
  )
  t.equal(texts.get('toString')?.value, '1')
})

t.test(
  'a task takes a key from its first section that has it, then from [runner], then the default',
  async t => {
    const { task } = load(
      t.testdir(),
      '[runner]\nmax_tries = 2\nmax_time = 3\ndepends_on = x\n[10-a]\nmax_time = 4\n[a]\nmax_time = 5\nkill_grace = 6\nother = 7',
    )
    const { settings, texts } = task(['10-a', 'a'])
    t.match(settings, {
      max_time: 4,
      max_tries: 2,
      kill_grace: 6,
      backoff: 1.14,
      required: true,
      depends_on: [],
    })
    t.equal(texts.get('kill_grace')?.origin?.line, 9)
    t.notOk(texts.has('other') || texts.has('depends_on'))
  },
)
