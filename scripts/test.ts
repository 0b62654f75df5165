/*
 * Runs the tests with tap and closes with a plain line of counts. `npm test -- FILE…` runs some of them. Tests
 * that lack a component are named at the end; with RUNNER_TEST_REQUIRE=1 they fail instead.
 */
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'

const tap = (...args: string[]) => spawnSync('node_modules/.bin/tap', args, { stdio: 'inherit' }).status ?? 1
/** Files at a time. They wait more than they compute, so no processor is left free, as tap would. */
const jobs = Math.max(2, availableParallelism())

// tap is built anew when its plugins change (.taprc): here once after each install.
const built = readFileSync('node_modules/@tapjs/test/test-built/dist/esm/index.js', 'utf8')
if (built.includes('@tapjs/typescript') && tap('build') !== 0) process.exit(1)

// tap itself looks only for JavaScript in a folder.
const named = process.argv
  .slice(2)
  .flatMap(path =>
    statSync(path, { throwIfNoEntry: false })?.isDirectory() ? globSync(`${path}/**/*.test.ts`) : path,
  )

mkdirSync('.tap', { recursive: true })
const results = '.tap/results.tap'
const status = tap('run', `--jobs=${jobs}`, `--output-file=${results}`, '--reporter=terse', ...named)

const lines = readFileSync(results, 'utf8').split('\n')
// The reporter says little where there is no terminal.
if (status !== 0)
  for (const [index, line] of lines.entries())
    if (/^\s*not ok \d/.test(line)) {
      const end = lines.findIndex((text, at) => at > index && text.trim() === '...')
      console.log(lines.slice(index, Math.min(end === -1 ? index + 1 : end + 1, index + 60)).join('\n'))
    }
const skipped = lines.flatMap(
  line =>
    line
      .match(/^\s*ok \d+ - (.*?) # SKIP ?(.*)$/)
      ?.slice(1, 3)
      .join(': ') ?? [],
)
for (const title of skipped) console.log(`SKIPPED ${title}`)
const total = lines.findLast(line => line.startsWith('# { total:')) ?? ''
const count = (kind: string) => Number(total.match(new RegExp(`${kind}: (\\d+)`))?.[1] ?? 0)
// On a line of its own, whatever the reporter has left there.
console.log(`\n${count('pass')} passed, ${count('fail')} failed, ${count('skip') + count('todo')} skipped`)
process.exitCode = count('pass') === 0 ? 1 : status
