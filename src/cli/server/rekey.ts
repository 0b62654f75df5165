import { exitStatus } from '../../exit-status.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { fail } from '../../result.ts'
import { type Rekeyed, rekeyStore } from '../../store/rekey.ts'
import { counted } from '../../system/counted.ts'
import { type ConfigOptions, loadSound, unfitStore } from '../config.ts'
import type { OptionsOf } from '../define-command.ts'
import { noted } from './noted.ts'
import type { rekeyOptions } from './options.ts'
import { placesOf } from './places.ts'
import { progressLine } from './progress-line.ts'

type Options = OptionsOf<typeof rekeyOptions> & ConfigOptions

/** Seals the whole store anew under a key of its own making, while no server runs. */
export async function rekey(options: Options, env: NodeJS.ProcessEnv): Promise<number> {
  const loaded = loadSound(options, env)
  if (loaded === undefined) return exitStatus.config
  const unfit = unfitStore(loaded.server, options)
  const places = placesOf(loaded.server)
  const progress = progressLine(options.quiet !== true)
  const done =
    unfit === undefined
      ? await noted(places, 'server-rekey', null, env, () =>
          rekeyStore(places, (rows, of) => progress.show(`sealed anew: ${rows} of ${of} rows`, rows === of)),
        )
      : fail(unfit)
  progress.end()
  if (!done.ok) {
    sayError(`runner: ${done.failure}\n`)
    return exitStatus.unavailable
  }
  const { former, ...rest } = done.value
  if (options.json) printJson({ ...rest, key_file: places.keyFile, former_key_file: former ?? null })
  else if (!options.quiet) print(rekeyText(done.value, places.keyFile))
  return exitStatus.ok
}

function rekeyText({ outcome, forgotten, rows, sealed, former }: Rekeyed, keyFile: string): string {
  const lines =
    outcome === 'completed'
      ? ['an earlier rekey was interrupted at its end, and has been completed: the store is sealed anew']
      : [`sealed anew: ${counted(sealed, 'text')} in ${counted(rows, 'row')}; the new key is ${keyFile}`]
  if (forgotten) lines.unshift('an earlier rekey was interrupted before it had changed anything')
  if (former !== undefined)
    lines.push(
      `the former key is ${former}: files that runner backup or pg_dump wrote before need it; ` +
        'remove it when no such file is left',
      'a file of runner server backup has the key of its time in it: ' +
        'make a new one now, and remove those before',
    )
  return `${lines.join('\n')}\n`
}
