/* The masks for the texts that a job must not show. */
import { type Mask, makeMask } from '../../protocol/mask/mask.ts'
import { secretsOfOutput } from '../../protocol/mask/mask-output.ts'
import { secretsOfInput } from '../../protocol/mask/secrets.ts'
import type { AssignedJob } from './job.ts'
import type { OutputContext } from './plugin-contract.ts'

/** The mask for a job's log. */
export function jobMaskOf(job: AssignedJob): Mask {
  return makeMask(secretsOf(job))
}

/** The mask for a job's output, which also covers the passwords that the job leaves. */
export function outputMaskOf(
  job: AssignedJob,
  output: OutputContext | null,
  passwords: ReadonlySet<string>,
): Mask {
  return makeMask([...secretsOf(job), ...(output === null ? [] : secretsOfOutput(output, passwords))])
}

function secretsOf(job: AssignedJob): string[] {
  const input = job.input === undefined ? [] : secretsOfInput(job.input)
  return [...job.secrets, ...Object.values(job.secret_env), ...input, job.session_key].filter(
    text => text !== '',
  )
}
