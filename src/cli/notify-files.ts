import type { Diagnostic } from '../config/diagnostic.ts'
import type { Configuration } from '../config/load.ts'
import { filesOfTarget } from '../config/sections/notify.ts'
import { readPem } from '../system/pem-file.ts'
import { readSecretFile } from '../system/secret-file.ts'
import { type ConfigOptions, untrustedFiles } from './config.ts'

/**
 * The problems with the files of a target of notifications, which the server reads again for each message.
 */
export function problemsOfTarget(
  target: Configuration['targets'][number],
  options: ConfigOptions,
  env: NodeJS.ProcessEnv,
): Diagnostic[] {
  const { secret, plain } = filesOfTarget(target)
  const read = [
    ...secret.map(([key, file]) => readSecretFile(key, file)),
    ...plain.map(([, file]) =>
      readPem(file, 'ca', 'set ca_file to a file with certificates, or leave it out'),
    ),
  ]
  const unread = read.flatMap(one => (one.ok ? [] : one.failure))
  if (unread.length > 0)
    return unread.map(problem => ({
      severity: 'error',
      reason: 'notify-unusable',
      message: `[notify.${target.name}] ${problem}`,
    }))
  return untrustedFiles(
    [...secret, ...plain].map(([, file]) => file),
    options,
    env,
  )
}
