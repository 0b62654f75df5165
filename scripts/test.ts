/*
 * Runs the tests with tap: `npm test` those that need nothing but this checkout, `npm run test:real` (`--real`) those that
 * need an engine, PostgreSQL, systemd, root and the like, and those of which the plain tier does a part
 * (test/support/tier.ts); `npm run test:cluster` (`--real --cluster`) those that need a cluster of Kubernetes. Files and folders that are named run alone. With RUNNER_TEST_REQUIRE=1 a component that is
 * missing is a failure. A whole tier runs the built program, which starts in a third of the time, with bundles of the
 * packages that tests import (bundle-packages.ts); files that are named run whatever bin/runner finds.
 * scripts/test-reporter.ts says what is printed.
 */
import { globSync, readFileSync, statSync } from 'node:fs'
import { availableParallelism, constants } from 'node:os'
import { dirname, join, normalize, resolve } from 'node:path'
import { t } from 'tap'
import { PostgresServer, postgresNeeds } from '../test/support/postgres.ts'
import '../test/support/reaper.ts'
import { tierPostgres } from '../test/support/tier-databases.ts'
import { bundlePackages } from './bundle-packages.ts'
import { reportOn } from './test-reporter.ts'

/** Seconds that a file may take that sets no limit itself. */
const timeout = 360

const words = process.argv.slice(2)
const real = words.includes('--real')
const ofCluster = words.includes('--cluster')
const named = words.filter(word => !word.startsWith('--'))

const isDirectory = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory()
const testsIn = (folder: string) => globSync(`${folder}/**/*.test.ts`).sort()

const isReal = (file: string) => file.startsWith('test/real/')
const isOfCluster = (file: string) => file.startsWith('test/cluster/')

// Node.js finds no tests in a folder by itself.
const files =
  named.length > 0
    ? named.flatMap(path => (isDirectory(path) ? testsIn(path) : path))
    : testsIn('test')
        .filter(file => isOfCluster(file) === ofCluster)
        .filter(file => (isReal(file) ? real : !real || ofCluster || belongsToBoth(file)))
        // Long ones first: short ones at the end leave no processor idle.
        .map(file => ({ file, limit: limitOf(file) }))
        .sort(
          (one, other) => other.limit - one.limit || Number(isReal(other.file)) - Number(isReal(one.file)),
        )
        .map(({ file }) => file)

// tap would end this process after 30 seconds.
t.setTimeout(0)

// A file that is named takes the packages as they are installed: to bundle them takes longer than it saves.
const options =
  named.length > 0 ? [] : ['--import', (await Promise.all([bundlePackages(), import('./build.ts')]))[0]]

// Ends this process by the result, and prints no TAP.
t.register()
t.resume()
reportOn(t)
// More than there are processors: a file computes for less than half of its time, and waits for the rest.
t.jobs = availableParallelism() + 4
t.plan(files.length)
// Ended when this process ends, with all that it has started.
const postgres =
  real && named.length === 0 && postgresNeeds.every(({ missing }) => missing === undefined)
    ? await PostgresServer.start()
    : undefined
t.teardown(() => postgres?.[Symbol.asyncDispose]())
const env = {
  ...process.env,
  ...(postgres ? { [tierPostgres]: postgres.url() } : {}),
  // A file of tests takes modules that an earlier one has compiled from this cache.
  NODE_COMPILE_CACHE: resolve('.tap/compile-cache'),
  TAP_TIMEOUT: String(timeout),
  ...(real ? { RUNNER_TEST_FULL: process.env.RUNNER_TEST_FULL || '1' } : {}),
}
// Without the command `env` each Node.js below would record for tap what it loads, and start in twice the time.
for (const file of files)
  t.spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, ...options, file], {
    name: file,
    buffered: true,
    stdio: 'pipe',
    timeout: timeout * 1000,
    env,
  })
// test/support/reaper.ts ends what runs; tap's own listener, before this one, has made the status 1.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    process.once('exit', () => {
      process.exitCode = 128 + constants.signals[signal]
    })
    process.exit()
  })

/**
 * Whether the real tier runs a file that the plain one has run. The real tier tries the use cases of the
 * server on PostgreSQL through the whole server, by the model and by the tests of the store; `npm run soak`
 * runs their own tests on it.
 */
function belongsToBoth(file: string): boolean {
  return !file.startsWith('test/server/') && goesFurther(file)
}

/**
 * Whether a file, or something of the tests that it imports, does more in the real tier: it asks tier.ts how far to go, and
 * not only whether the plain tier has run it.
 */
function goesFurther(file: string, seen = new Set<string>()): boolean {
  if (seen.has(file) || !file.startsWith('test/')) return false
  seen.add(file)
  const imports = readFileSync(file, 'utf8').matchAll(
    /^(?:import|export) ([^'=;]* from )?'(\.[^'\n]+\.ts)'/gm,
  )
  return Array.from(imports).some(([, names, path]) => {
    const imported = normalize(join(dirname(file), path!))
    return imported === 'test/support/tier.ts'
      ? /\b(isFull|runs)\b/.test(names ?? '')
      : goesFurther(imported, seen)
  })
}

/** The longest limit that a file sets, in milliseconds: how long it may take. */
function limitOf(file: string): number {
  const limits = readFileSync(file, 'utf8').matchAll(/\bsetTimeout\(([\d_]+)\)/g)
  return Math.max(timeout * 1000, ...Array.from(limits, ([, text]) => Number(text!.replaceAll('_', ''))))
}
