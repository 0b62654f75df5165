/*
 * Prints the results of `npm test`. Each file gets a line when it has ended, also into a pipe: its time, its
 * failures, and the rest of its output if it failed. The end has the number of tests that each missing
 * component has cost, all failures once more, and the counts. So a log that is cut in the middle, or at one
 * end, still shows the failures.
 */
import { writeSync } from 'node:fs'
import { inspect } from 'node:util'
import type { Spawn, TestBase } from 'tap'

type Parser = TestBase['parser']
/** A line of TAP that says how something went. */
type Point = NonNullable<Parser['closingTestPoint']>

/** At most so many characters of the failures of a file, of what else it has said, and of its standard error. */
const mostSaid = 20_000
/** At most so many characters of a failure. */
const mostOfFailure = 3000

const totals = { passed: 0, failed: 0, skipped: 0 }
/** Each missing component, and how many tests were skipped for it. */
const missing = new Map<string, number>()
const skippedOtherwise: string[] = []
/** The failures of each failed file, below its line. */
const failures: string[] = []

/** A file of tests while it runs. */
class File {
  readonly name: string
  readonly counts = { passed: 0, failed: 0, skipped: 0 }
  /** Its failures. */
  #failed = ''
  /** Other output of the file, which is shown if the file fails. */
  #said = ''
  #stderr = ''

  constructor(test: Spawn) {
    this.name = test.name
    this.#listen(test.parser)
    test.on('process', child => {
      if ('stderr' in child)
        child.stderr?.on('data', (bytes: Buffer) => {
          this.#stderr += bytes
        })
    })
  }

  #listen(parser: Parser): void {
    parser.on('child', (child: Parser) => this.#listen(child))
    parser.on('comment', (text: string) => {
      if (!/^# (Subtest|time=|\{ total|No coverage)/.test(text)) this.#say(text.trimEnd())
    })
    parser.on('assert', (point: Point) => {
      const failed = !point.ok && !point.skip && !point.todo
      // The line that closes a subtest repeats what its own lines say.
      if (point.closingTestPoint) {
        if (failed && !this.#failed.includes(point.fullname)) this.#fail(point)
        return
      }
      if (point.skip || point.todo) {
        this.counts.skipped++
        this.#skip(point)
      } else if (failed) this.#fail(point)
      else this.counts.passed++
    })
  }

  #fail(point: Point): void {
    this.counts.failed++
    const { stack, diff, source: _, at, ...rest }: Record<string, unknown> = point.diag ?? {}
    const place = stack ?? (at === undefined ? undefined : inspect(at, { breakLength: Infinity }))
    const more =
      Object.keys(rest).length === 0 ? undefined : inspect(rest, { depth: 8, maxStringLength: 4000 })
    const parts = [diff, more, place].flatMap(part => (typeof part === 'string' ? part.trimEnd() : []))
    const text = [point.fullname, ...parts].join('\n')
    this.#failed += `not ok: ${shortened(text, mostOfFailure)}\n`
  }

  #skip(point: Point): void {
    const reason = typeof point.skip === 'string' ? point.skip : String(point.todo)
    const needs = reason.match(/^needs (.*)$/)?.[1]
    if (needs === undefined) skippedOtherwise.push(`${point.fullname}: ${reason}`)
    else for (const need of needs.split(', ')) missing.set(need, (missing.get(need) ?? 0) + 1)
  }

  #say(text: string): void {
    this.#said += `${text}\n`
  }

  /** The lines to print when the file has ended; `ok` is its own verdict. */
  report(ok: boolean, signal: NodeJS.Signals | null, milliseconds: number): string {
    if (signal !== null) this.#failed += `it was ended by ${signal}\n`
    // A file that was cut off, or that died, may have told of no failure.
    if (!ok && this.counts.failed === 0) this.counts.failed = 1
    const line = `${this.name}: ${countsOf(this.counts)} (${(milliseconds / 1000).toFixed(1)} s)\n`
    const stderr = indented(this.#stderr.slice(-mostSaid))
    if (ok) return line + stderr
    const failed = line + indented(this.#failed.slice(0, mostSaid))
    failures.push(failed)
    return failed + indented(this.#said.slice(-mostSaid)) + stderr
  }
}

const countsOf = ({ passed, failed, skipped }: File['counts']): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`

/** The beginning and the end of a text that is too long: the message, and the place in the code. */
const shortened = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most / 2)}\n[…]\n${text.slice(-most / 2)}`

const indented = (text: string): string =>
  text
    .trimEnd()
    .replace(/^(?=.)/gm, '    ')
    .replace(/(?<=.)$/, '\n')

/** At once, whatever standard output is. */
const print = (text: string): number => writeSync(1, text)

const isFile = (test: object): test is Spawn => 'proc' in test

/** Prints what comes of the files that a test spawns. */
export function reportOn(test: TestBase): void {
  let ended = 0
  test.on('subtestStart', one => {
    if (!isFile(one)) return
    const started = performance.now()
    const file = new File(one)
    // Its results may be complete before it has ended, and the other way round.
    let left = 2
    let ok = true
    let signal: NodeJS.Signals | null = null
    const end = () => {
      if (--left > 0) return
      ended++
      print(file.report(ok, signal, performance.now() - started))
      for (const kind of ['passed', 'failed', 'skipped'] as const) totals[kind] += file.counts[kind]
    }
    one.on('process', child => {
      // Before tap's own listener, by which the whole run may be complete.
      child.prependListener('close', (code: number | null, by: NodeJS.Signals | null) => {
        ok &&= code === 0
        signal = by
        end()
      })
    })
    one.on('complete', results => {
      ok &&= results.ok
      end()
    })
  })
  test.on('complete', () => {
    for (const text of skippedOtherwise) print(`SKIPPED ${text}\n`)
    for (const [component, tests] of missing)
      print(`SKIPPED for want of ${component}: ${tests} ${tests === 1 ? 'test' : 'tests'}\n`)
    for (const text of failures) print(`\nFAILED ${text}`)
    print(`\n${countsOf(totals)}\n`)
    if (ended === 0 || totals.passed === 0) process.exitCode = 1
  })
}
