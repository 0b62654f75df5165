import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { nearest } from '../config/did-you-mean.ts'
import { exitStatus } from '../exit-status.ts'
import { type Done, type GlobalOptions, lookUp, parseTimes, verbosityOf } from './options.ts'
import { sayError } from './say.ts'

const commands = [
  'run',
  'check',
  'list',
  'get',
  'status',
  'history',
  'logs',
  'explain',
  'plugin',
  'graph',
  'server',
  'attach',
  'drain',
  'doctor',
  'job',
  'submit',
  'executions',
  'log',
  'abort',
  'rerun',
  'busy',
  'runners',
  'groups',
  'token',
  'backup',
  'restore',
  'help',
]
const withValue = /^(-[vqH]*[cng]|--(config|times|get))$/

/**
 * Whether a command line is spelt as build-runner's: `-g section.key`, or a task directory where the name of a
 * command would be. A task directory that is called like a command is written `./run`.
 */
export function isBuildRunnerSpelling(argv: readonly string[]): boolean {
  let legacy = false
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!
    if (word === '--') return index + 1 < argv.length
    if (/^(-h|--help|-V|--version)$/.test(word)) return false
    if (!word.startsWith('-') || word === '-') return !commands.includes(word)
    if (/^(-[vqH]*[gnH]|--(get|times|halt-after|syslog)\b)/.test(word)) legacy = true
    if (withValue.test(word)) index++
  }
  return legacy
}

/** Gives the program the options and the argument of build-runner. */
export function withBuildRunnerCommand(program: Command, done: Done): Command {
  interface Options extends GlobalOptions {
    get?: string
    times?: number
    haltAfter: boolean
    syslog: boolean
  }
  return program
    .argument('[taskdir]', 'task directory')
    .option('-g, --get <section.key>', 'look a value up')
    .option('-n, --times <number>', 'run this many times (default: for ever)', parseTimes)
    .option('-H, --halt-after', 'run the halt task after the last run', false)
    .option('--syslog', 'tell what happens to the system log too', false)
    .action(async (directory: string | undefined, options: Options) => {
      const config = options.config === undefined ? {} : { config: options.config }
      if (options.get !== undefined)
        return done(
          lookUp({ ...config, key: options.get, legacy: true, origin: false, require: false, json: false }),
        )
      if (directory === undefined) {
        sayError('runner: a task directory is missing; `runner run` takes the one of the configuration\n')
        return done(exitStatus.usage)
      }
      const guess = existsSync(directory) ? undefined : nearest(directory, commands)
      if (guess !== undefined) {
        sayError(`runner: there is no command ${directory}, and no such directory; did you mean ${guess}?\n`)
        return done(exitStatus.usage)
      }
      const { runCommand } = await import('./run.ts')
      const { haltAfter, syslog, times = 0 } = options
      await done(
        runCommand(
          {
            ...config,
            directory,
            times,
            haltAfter,
            syslog,
            insecurePermissions: options.insecurePermissions ?? false,
            only: [],
            dryRun: false,
            resume: false,
            wait: false,
            json: false,
            verbosity: verbosityOf(options),
          },
          process.env,
        ),
      )
    })
}
