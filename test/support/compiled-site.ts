/* A configuration with its compiled form, and shells that look keys up in it. */
import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { CompiledLookUps } from '../../src/config/compiled-look-ups.ts'
import { askNode, askShell, installLookup, leftToNode, type Way } from './look-ups.ts'
import { program } from './require.ts'
import { variants } from './variants.ts'

/** Those of this host that use compiled forms. */
export const shells = variants(['dash', 'bash'].map(program))
/** When the form is compiled, unless a test says another time. */
export const now = new Date('2026-12-01T12:00:00Z')
/** The time of the compilation, in seconds. */
export const nowSeconds = now.getTime() / 1000
let times = 0
/** A time that no file has had before, some days ago. */
export const freshTime = () => nowSeconds - 100_000 + ++times * 1.000123

/** Writes a file, or makes a directory, with a time of its own. */
export function put(path: string, text: string | Uint8Array, time = freshTime()): void {
  writeFileSync(path, text)
  touch(path, time)
}

/** Gives a file or directory a time of its own, or this one. */
export const touch = (path: string, time = freshTime()): void => utimesSync(path, time, time)

/** A configuration, the directory of its compiled form, and who looks up in it. */
export interface Site {
  file: string
  base: string
  /** The shells that use compiled forms; with `compiledOnly` they leave all else to Node. */
  ways: Way[]
  only: Way[]
  compile(at?: Date): void
}

/** Makes one in the directory of a test; nothing is compiled yet. */
export function site(t: Test): Site {
  const folder = t.testdir({ site: {}, base: {} })
  const base = join(folder, 'base')
  const file = join(folder, 'site/runner.cfg')
  const installed = (name: string, compiledOnly: boolean) => {
    const launcher = installLookup(join(folder, name), undefined, { base, compiledOnly })
    return shells.map(({ name, path }) => ({
      name,
      shell: name === 'bash' ? `${path} --posix` : path,
      launcher,
    }))
  }
  const ways = installed('whole', false)
  const only = installed('only', true)
  const compile = (at = now) => new CompiledLookUps(base, file, '/').refresh(at)
  return { file, base, ways, only, compile }
}

/** Asks all ways for all keys; throws where an answer differs from that of the full program. Returns how many it left. */
export function compare({ file }: Site, ways: readonly Way[], keys: readonly string[]): number {
  const questions = keys.flatMap(key => ways.map(way => ({ way, file, key })))
  let left = 0
  for (const [index, { out, status }] of askShell(join(file, '../..'), questions).entries()) {
    const { way, key } = questions[index]!
    if (status === leftToNode) left++
    else {
      const answer = askNode(file, key)
      if (out !== answer.out || status !== answer.status)
        throw new Error(
          `${way.name}, ${key}: ${JSON.stringify({ out, status })}, not ${JSON.stringify(answer)}`,
        )
    }
  }
  return left
}
