import { existsSync, readFileSync } from 'node:fs'
import type { Condition } from '../config/condition.ts'
import type { TaskSettings } from '../config/sections/task.ts'
import { splitWords } from '../config/words.ts'
import type { HostFiles } from './host-files.ts'
import { readMachineId } from './instance.ts'

/** The keys of conditions, in the order in which they are asked: a command comes last. */
export const conditionKeys = [
  'condition_path_exists',
  'condition_first_boot',
  'condition_kernel_command_line',
  'condition_command',
] as const

/** Why a task is skipped. */
export interface Skip {
  /** The key that decides it. */
  key: 'run' | (typeof conditionKeys)[number]
  /** In words that follow `skipped: `. */
  message: string
}

/** Whether a task has a condition, or is not to run always. */
export const mayBeSkipped = (settings: TaskSettings): boolean =>
  settings.run !== 'always' || conditionKeys.some(key => settings[key].length > 0)

/**
 * The first condition that does not hold, without that of a command, which has to be run; undefined where all
 * of them hold. Throws where a file of the host cannot be read.
 */
export function unmetCondition(settings: TaskSettings, files: HostFiles): Skip | undefined {
  return (
    unmet('condition_path_exists', settings.condition_path_exists, existsSync) ??
    unmet('condition_first_boot', settings.condition_first_boot, wanted => wanted === isFirstBoot(files)) ??
    unmet('condition_kernel_command_line', settings.condition_kernel_command_line, wanted =>
      hasWord(commandLineOf(files), wanted),
    )
  )
}

/** The skip for a condition that does not hold. */
export function skipFor(key: Skip['key'], { text }: Condition<unknown>): Skip {
  return { key, message: `${key} = ${text} does not hold` }
}

function unmet<T>(
  key: Skip['key'],
  conditions: readonly Condition<T>[],
  holds: (value: T) => boolean,
): Skip | undefined {
  const broken = conditions.find(({ value, negated }) => holds(value) === negated)
  return broken && skipFor(key, broken)
}

/**
 * Whether the host boots for the first time: systemd tells by a file until its start-up is complete. On a
 * host without systemd an empty or missing machine id tells.
 */
function isFirstBoot({ firstBoot, systemd, machineId }: HostFiles): boolean {
  if (existsSync(systemd)) return existsSync(firstBoot)
  const id = readMachineId(machineId)
  return !id.ok || id.value === '' || id.value === 'uninitialized'
}

/** The words of the kernel's command line, of which quotes keep some together. */
function commandLineOf({ commandLine }: HostFiles): string[] {
  const text = readFileSync(commandLine, 'utf8').trim()
  const words = splitWords(text)
  return words.ok ? words.value : text.split(/\s+/)
}

/** Whether a word, alone or before `=`, or an assignment as a whole is among the words. */
function hasWord(words: readonly string[], wanted: string): boolean {
  return words.some(word => word === wanted || (!wanted.includes('=') && word.startsWith(`${wanted}=`)))
}
