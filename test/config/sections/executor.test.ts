import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfiguration } from '../../../src/config/load.ts'

const load = (dir: string, text: string) => {
  const file = join(dir, 'runner.cfg')
  writeFileSync(file, `[runner]\nstate_dir = state\n[executor]\n${text}`)
  return loadConfiguration(file, {})
}

t.test('a cluster is configured by its kubeconfig, and by pairs of names and values', async t => {
  const dir = t.testdir()
  const lines = [
    'backend = kubernetes',
    'kubeconfig = jobs.kubeconfig',
    'executor_labels = team=ops, empty=',
    'pull_secret_mappings = registry.example/**=hub',
  ]
  const loaded = load(dir, lines.join('\n'))
  t.match(loaded.ok && loaded.value.executor, {
    backend: 'kubernetes',
    kubeconfig: join(dir, 'jobs.kubeconfig'),
    namespace: undefined,
    executor_labels: ['team=ops', 'empty='],
    passed_sa_annotations: [],
    pull_secret_mappings: ['registry.example/**=hub'],
  })
})

t.test('a name without a value is an error that says how to write it', async t => {
  for (const key of ['executor_labels', 'passed_sa_annotations', 'pull_secret_mappings']) {
    const loaded = load(t.testdir(), `${key} = a=b, alone`)
    const text = JSON.stringify(loaded)
    t.match(text, new RegExp(`${key} has alone, which is not a name and a value`))
    t.match(text, /"hint":"write it as [^"]*=/)
  }
})
