import { statSync } from 'node:fs'
import type { Command } from '@commander-js/extra-typings'
import { exitStatus } from '../../exit-status.ts'
import { sayError } from '../../report/say.ts'
import { shown } from '../../system/printable.ts'
import { commandOf, otherCommands, wordsOfCommands } from '../commands.ts'
import type { Finish } from '../define-command.ts'
import { guessOf } from '../guess.ts'
import { type GlobalOptions, parseTimes } from '../options.ts'
import { topics } from '../topics.ts'

/** First words that are a command, and not a task directory in build-runner's spelling. */
const words = [...wordsOfCommands, ...otherCommands]
/** Options that only build-runner's spelling has. */
const own = /^(-[vqH]*[gnH]|--(get|times|halt-after|syslog)\b)/
const withValue = /^(-[vqH]*[cng]|--(config|times|get))$/

/**
 * Whether a command line is spelt as build-runner's: `-g section.key`, or a task directory where the name of
 * a command would be. A task directory that is called like a command is written `./run`.
 */
export const isBuildRunnerSpelling = (argv: readonly string[]): boolean => spellingOf(argv).legacy

interface Spelling {
  legacy: boolean
  /** The first word, where it is not a command and nothing before it is build-runner's. */
  word?: string
}

function spellingOf(argv: readonly string[]): Spelling {
  let legacy = false
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!
    if (word === '--') return { legacy: index + 1 < argv.length }
    if (/^(-h|--help|-V|--version)$/.test(word)) return { legacy: false }
    if (!word.startsWith('-') || word === '-') {
      const isCommand = words.includes(word)
      return { legacy: !isCommand, ...(isCommand || legacy ? {} : { word }) }
    }
    if (own.test(word)) legacy = true
    if (withValue.test(word)) index++
  }
  return { legacy }
}

/**
 * The first word of a command line that is neither a command nor a task directory in build-runner's spelling.
 */
export function unknownCommand(argv: readonly string[]): string | undefined {
  const { word } = spellingOf(argv)
  if (word === undefined || isDirectory(word) || argv.some(other => own.test(other))) return undefined
  return word
}

/** Makes the program one that refuses this word, whatever follows it. */
export function refuseCommand(program: Command<[], GlobalOptions>, word: string, finish: Finish) {
  return program
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action(() => {
      const named = word === '' ? 'with an empty name' : shown(word)
      sayError(`runner: there is no command ${named}, and no such directory${hintFor(word)}\n`)
      return finish(exitStatus.usage)
    })
}

/** Gives the program the options and the argument of build-runner. */
export function addBuildRunnerCommand(program: Command<[], GlobalOptions>, finish: Finish) {
  const command = program
    .argument('[taskdir]', 'task directory')
    .option('-g, --get <section.key>', 'look a value up')
    .option('-n, --times <number>', 'run this many times (default: for ever)', parseTimes)
    .option('-H, --halt-after', 'run the halt task after the last run', false)
    .option('--syslog', 'write the events to the system log too', false)
  command.action(async directory => {
    const { get: key, times = 0, ...options } = command.opts()
    if (key !== undefined) {
      const { lookUp } = await import('./get.ts')
      const { config } = options
      return finish(
        lookUp({ config, key, legacy: true, origin: false, require: false, json: false }, process.env),
      )
    }
    if (directory === undefined) {
      sayError('runner: a task directory is missing; `runner run` takes the one of the configuration\n')
      return finish(exitStatus.usage)
    }
    const { runChainRepeatedly } = await import('./run.ts')
    const unasked = {
      lenient: true,
      only: [],
      again: [],
      dryRun: false,
      resume: false,
      wait: false,
      json: false,
    }
    return finish(runChainRepeatedly({ ...options, ...unasked, directory, times }, process.env))
  })
  return command
}

const isDirectory = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

/** A hint about the word that was probably meant. */
function hintFor(word: string): string {
  if (Object.hasOwn(topics, word)) return `; \`runner help ${word}\` is about ${topics[word]!.summary}`
  const guess = word === '' ? undefined : guessOf(word, words)
  return guess === undefined
    ? '; `runner --help` lists the commands'
    : `; did you mean ${commandOf(guess) ?? guess}?`
}
