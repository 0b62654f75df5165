/*
 * Holds test/ to the names of src/: the test of src/server/rules/rights.ts is test/server/rules/rights.test.ts, so a
 * person who edits a file finds its test by name. Tests of a whole program, of documents, and with components have
 * folders of their own and are named by their subject.
 */
import { existsSync, globSync } from 'node:fs'
import { dirname } from 'node:path'

const ofSubjects = ['behaviour', 'cluster', 'docs', 'fixtures', 'real', 'support']

const files = globSync('test/**/*.test.ts').filter(file => !ofSubjects.includes(file.split('/')[1]!))
const problems = files.flatMap(file => {
  const path = file.slice('test/'.length, -'.test.ts'.length)
  const source = path.startsWith('scripts/') ? path : `src/${path}`
  if (['.ts', '.tsx', '.sh'].some(ending => existsSync(source + ending))) return []
  // A backend of executors runs the suite of the contract in a file of this name.
  if (path.endsWith('/conformance') && existsSync(dirname(source))) return []
  return [`${file} is named after ${source}.ts, which does not exist: rename or move the test`]
})

for (const problem of problems) console.error(problem)
console.log(
  problems.length === 0
    ? 'each test is named after its source'
    : `${problems.length} problems with names of tests`,
)
process.exitCode = problems.length === 0 ? 0 : 1
