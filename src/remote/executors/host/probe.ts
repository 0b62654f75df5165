import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { errorText, fail, ok, type Result } from '../../../result.ts'
import { removeTree } from '../../../system/remove-tree.ts'
import type { ExecutorBackend, Failure, Slot } from '../executor.ts'
import type { HostOptions } from './options.ts'

/** The time limit of the probe's job, in seconds. */
const limit = 20

/** Runs a job of runner's own once: it prints its input, which has to come back as its log. */
export async function probeHost(
  backend: ExecutorBackend,
  { edges, workDir }: HostOptions,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const slotId = edges.chance.id()
  const opened = await backend.open({ key: '' }, { slotId, group: 'probe', ephemeral: true }, signal)
  if (!opened.ok) return fail({ ...opened.failure, reason: 'directory-unusable' })
  const kept = join(workDir, `probe-${slotId}`)
  try {
    mkdirSync(kept, { mode: 0o700 })
    return await runJob(opened.value, kept, edges.chance.id(), signal)
  } catch (error) {
    return fail(unable(errorText(error)))
  } finally {
    await backend.close(opened.value.ref)
    await removeTree(kept)
  }
}

async function runJob(
  slot: Slot,
  kept: string,
  secret: string,
  signal: AbortSignal,
): Promise<Result<void, Failure>> {
  const job = {
    id: slot.ref.id,
    command: ['/bin/sh', '-c', 'cat "$INPUT_LOCATION"'],
    env: {},
    secretEnv: {},
    plugin: { input: secret, sessionKey: '', releaseUrl: '' },
    limit,
    grace: 1,
  }
  const placed = await slot.place(job, kept)
  if (!placed.ok) return placed
  const handle = await placed.value.start()
  if (!handle.ok) return handle
  let said = ''
  for await (const bytes of handle.value.log(0, signal)) said += Buffer.from(bytes).toString()
  if (said === secret) return ok(undefined)
  handle.value.detach()
  return fail(unable(signal.aborted ? 'it was asked to end' : said.trim() || 'its output did not come back'))
}

const unable = (why: string): Failure => ({
  reason: 'hand-over-failed',
  retry: 'when-back',
  message: `a job could not be run on this host: ${why}`,
})
