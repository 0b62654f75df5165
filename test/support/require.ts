import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Test } from 'tap'

/** Something that a machine may lack. */
export interface Component {
  /** Why a test that needs it cannot run here; undefined where it is there. */
  missing: string | undefined
}

/** With RUNNER_TEST_REQUIRE=1 what is missing is a failure. */
const required = process.env.RUNNER_TEST_REQUIRE === '1'

/**
 * A test that needs components. Where one is missing it is skipped, with the reason behind its title; with
 * RUNNER_TEST_REQUIRE=1 it fails.
 */
export function testWith(
  t: Test,
  title: string,
  needs: readonly Component[],
  body: (t: Test) => Promise<void>,
): Promise<unknown> {
  const missing = needs.flatMap(need => need.missing ?? []).join(', ')
  if (missing === '') return t.test(title, body)
  if (!required) return t.test(title, { skip: `needs ${missing}` }, body)
  return t.test(title, async t =>
    t.fail(`this test needs ${missing}, and RUNNER_TEST_REQUIRE=1 lets none be skipped`),
  )
}

export interface Program extends Component {
  name: string
  path: string
}

/** A program on the PATH. */
export function program(name: string): Program {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const path = folders.map(folder => join(folder, name)).find(isExecutable)
  return { name, path: path ?? '', missing: path === undefined ? `the program ${name}` : undefined }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A file at this path. */
export const file = (path: string): Component => ({
  missing: existsSync(path) ? undefined : `the file ${path}`,
})

export const root: Component = { missing: process.getuid?.() === 0 ? undefined : 'root' }

/** An id by which a copy of the machine is known (machine-id(5)); a container often has none. */
export const machineId: Component = {
  missing: ['/etc/machine-id', '/var/lib/dbus/machine-id'].some(hasText) ? undefined : 'an /etc/machine-id',
}

function hasText(path: string): boolean {
  try {
    return readFileSync(path, 'utf8').trim() !== ''
  } catch {
    return false
  }
}
