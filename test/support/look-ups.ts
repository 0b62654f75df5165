import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { execaSync } from 'execa'
import { getCommand } from '../../src/cli/chain/get.ts'
import { encodeBytes } from '../../src/config/ini/bytes.ts'

const checkout = resolve(import.meta.dirname, '..', '..')

/** The result of a look-up; `status` 99 says that it was left to the full program. */
export interface Answer {
  out: string
  status: number
}

export const leftToNode = 99

/** One way to run the look-up in a shell. */
export interface Way {
  name: string
  /** The words before the launcher, as shell text. */
  shell: string
  launcher: string
  /** A folder that goes first on the PATH. */
  path?: string
}

/** The differences of a copy of the look-up from the original. */
interface Changes {
  /** Where compiled forms are looked for, instead of /run. */
  base?: string
  /** Files without a compiled form are left to the full program. */
  compiledOnly?: boolean
}

/**
 * A copy of the launcher and the look-up in a folder of its own, with a Node that only says that it was asked.
 * `budget` is how much the shell may read before it starts awk. Without a base it uses no compiled forms.
 */
export function installLookup(folder: string, budget?: number, { base, compiledOnly }: Changes = {}): string {
  for (const name of ['bin', 'lib', 'src/config/ini']) mkdirSync(join(folder, name), { recursive: true })
  for (const name of ['bin/runner', 'bin/find-node.sh'])
    copyFileSync(join(checkout, name), join(folder, name))
  const script = readFileSync(join(checkout, 'src/config/ini/lookup.sh'), 'utf8')
  const patched = script
    .replace(/^rn_budget=(\d+)$/m, (_, own) => `rn_budget=${budget ?? own}`)
    .replace(/^rn_base=\/run$/m, () => `rn_base=${quote(base ?? folder)}`)
    .replace(/^# rn_text without/m, start => `${compiledOnly ? 'return 0\n' : ''}${start}`)
  writeFileSync(join(folder, 'src/config/ini/lookup.sh'), patched)
  writeFileSync(join(folder, 'lib/node'), `#!/bin/sh\nexit ${leftToNode}\n`)
  chmodSync(join(folder, 'lib/node'), 0o755)
  return join(folder, 'bin/runner')
}

/** A folder that goes first on a PATH, in which these names run this command. */
export function aliasFolder(folder: string, names: string[], command: string): string {
  mkdirSync(folder, { recursive: true })
  for (const name of names)
    writeFileSync(join(folder, name), `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 })
  return folder
}

export interface Question {
  way: Way
  file: string
  key: string
}

/** Runs all look-ups one after the other in one process, and reads what each of them said. */
export function askShell(folder: string, questions: Question[]): Answer[] {
  const commands = questions.map(({ way, file, key }, index) => {
    const path = way.path === undefined ? '' : `PATH=${quote(`${way.path}:${process.env.PATH}`)} `
    const command = `${path}${way.shell} ${quote(way.launcher)} -c ${quote(file)} -g ${quote(key)}`
    return `${command} >${quote(join(folder, `out-${index}`))} 2>>${quote(join(folder, 'err'))}; echo $?`
  })
  const script = join(folder, 'questions.sh')
  writeFileSync(script, encodeBytes(`${commands.join('\n')}\n`))
  const { stdout } = execaSync('/bin/sh', [script], { env: { LC_ALL: 'C.UTF-8' }, reject: false })
  const statuses = stdout.trim().split('\n').map(Number)
  return questions.map((_, index) => ({
    out: readFileSync(join(folder, `out-${index}`), 'latin1'),
    status: statuses[index]!,
  }))
}

/** The same question to the full program's function. */
export function askNode(file: string, key: string): Answer {
  const pieces: Buffer[] = []
  const options = { config: file, key, legacy: true, origin: false, require: false, json: false }
  const status = getCommand(
    options,
    {},
    bytes => pieces.push(Buffer.from(bytes)),
    () => {},
  )
  return { out: Buffer.concat(pieces).toString('latin1'), status }
}

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`
