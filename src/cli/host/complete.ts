import { statSync } from 'node:fs'
import { homedir } from 'node:os'
import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { printed } from '../../report/say.ts'
import { defined } from '../../result.ts'
import { escaped } from '../../system/printable.ts'
import { defineCommand } from '../define-command.ts'

/** The kinds of words that the program completes, because the shell cannot. */
export type CompletedKind = ChainKind | ServerKind | 'logs'
/** Words that this host knows. */
export type ChainKind = 'tasks' | 'runs' | 'keys'
/** Words that the server knows; the last two kinds need no server. */
export type ServerKind =
  | 'jobs'
  | 'executions'
  | 'active'
  | 'nodes'
  | 'groups'
  | 'tokens'
  | 'namespaces'
  | 'targets'
  | 'states'
  | 'zones'

/** A value, with a few words about it that may be empty. */
export type Completed = readonly [value: string, about: string]

/** The options on the command line that say where to look. */
export interface CompletionOptions {
  config?: string
  insecurePermissions?: true
  taskDir?: string
  server?: string
  tokenFile?: string
  caFile?: string
  certFile?: string
  keyFile?: string
  proxy?: string
  namespace?: string
}

/** The seconds that the server has to answer, and the seconds after which the process ends in any case. */
const [limit, end] = [1, 2]

const withValue: Readonly<Record<string, keyof Omit<CompletionOptions, 'insecurePermissions'>>> = {
  '-c': 'config',
  '--config': 'config',
  '--task-dir': 'taskDir',
  '--server': 'server',
  '--token-file': 'tokenFile',
  '--ca-file': 'caFile',
  '--cert-file': 'certFile',
  '--key-file': 'keyFile',
  '--proxy': 'proxy',
  '--namespace': 'namespace',
}

/** The options among the words of a command line, which a shell may not have expanded yet. */
export function optionsIn(words: readonly string[], home: string): CompletionOptions {
  const found: CompletionOptions = {}
  const plain = (word: string) => word.replace(/^(['"])(.*)\1$/s, '$2').replace(/^~(?=\/)/, () => home)
  for (let index = 0; index < words.length; index++) {
    const [, option = '', attached] = /^(--[\w-]+)(?:=(.*))?$/s.exec(words[index]!) ?? ['', words[index]!]
    if (option === '--') break
    if (option === '--insecure-permissions') found.insecurePermissions = true
    const key = Object.hasOwn(withValue, option) ? withValue[option] : undefined
    const value = key === undefined ? undefined : (attached ?? words[++index])
    if (key !== undefined && value !== undefined) found[key] = plain(value)
  }
  return found
}

/**
 * The values of a kind that fit a command line, of which the last word is the one to complete. Values that
 * the server does not give within a second are left out.
 */
export async function completionsOf(
  kind: string,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Completed[]> {
  const options = optionsIn(words.slice(0, -1), homedir())
  const { taskDir = words.slice(1, -1).find(isDirectory) } = options
  const here = { ...options, ...defined({ taskDir }) }
  const word = (words.at(-1) ?? '').replace(/^--[\w-]+=/, '')
  const found: Completed[] = []
  for (const one of kind === 'logs' ? ['tasks', 'runs', 'executions'] : [kind]) {
    if (one === 'tasks' || one === 'runs' || one === 'keys') {
      const { chainValues } = await import('../chain/values.ts')
      found.push(...chainValues(one, here, env))
    } else {
      const { serverValues } = await import('../operator/values.ts')
      const late = systemClock.sleep(limit).then(() => [])
      found.push(...(await Promise.race([serverValues(one, options, word, env), late])))
    }
  }
  return found
}

/**
 * Prints the values of a kind, one a line, with a tab before the words about it. For shells: it prints no
 * errors, ends within 2 s, and with 0 whatever happens.
 */
async function complete(kind: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<never> {
  void systemClock.sleep(end).then(() => process.exit(exitStatus.ok))
  // A warning, such as one about a token that others can read, would appear in the middle of the typed line.
  process.stderr.write = () => true
  try {
    const found = await completionsOf(kind, words, env)
    // A name with a line feed or a tab in it would be read as two.
    const whole = found.filter(([value]) => value !== '' && !value.includes('\t') && escaped(value) === value)
    const lines = whole.map(([value, about]) => `${value}\t${escaped(about).replaceAll('\t', ' ')}\n`)
    process.stdout.write(lines.join(''))
    await printed()
  } catch {
    // The command that is being typed will say what is wrong.
  }
  process.exit(exitStatus.ok)
}

const isDirectory = (word: string) => statSync(word, { throwIfNoEntry: false })?.isDirectory() === true

export const command = defineCommand({
  description: 'print what the completion of a shell asks for',
  options: command => command.argument('<kind>').argument('[words...]'),
  examples: ['runner __complete nodes -- node disable ""'],
  action: (_, [kind, words], env) => complete(kind, words, env),
})
