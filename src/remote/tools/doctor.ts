/*
 * Looks at all that an attached runner needs. Nothing is changed: no runner is registered.
 */
import { accessSync, constants, existsSync, mkdtempSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Reuse } from '../../config/sections/executor.ts'
import { errorText } from '../../result.ts'
import { freeBytes } from '../../system/disk-free.ts'
import { hostText, readHostFacts } from '../../system/host-facts.ts'
import type { DiskLimit, ExecutorBackend, Facts } from '../executors/executor.ts'
import { isKnown, noIdentity, readMachine } from '../link/machine.ts'
import type { DoctorCheck, DoctorOptions } from './doctor-check.ts'
import { examineServer } from './doctor-server.ts'
import { asEphemeralRunner, ephemeralIn } from './ephemeral.ts'

/** Looks at one thing after the other, and tells of each. */
export async function* examine(options: DoctorOptions): AsyncGenerator<DoctorCheck> {
  yield { check: 'host', result: 'ok', message: hostText(readHostFacts()) }
  yield examineState(options)
  yield examineMachine(options)
  const scratch = mkdtempSync(join(tmpdir(), 'runner-doctor-'))
  const remove = () => rmSync(scratch, { recursive: true, force: true })
  // A command that is ended in the middle of a check removes its directory too: no later command looks for
  // it.
  process.once('exit', remove)
  try {
    yield* examineBackend(options, scratch)
  } finally {
    process.off('exit', remove)
    remove()
  }
  yield* examineServer(options)
}

function examineState({ remote: { state_dir, work_dir } }: DoctorOptions): DoctorCheck {
  const check = 'state directory'
  for (const path of [state_dir, work_dir]) {
    // A directory that is not there is made at the first start.
    const there = existing(path)
    try {
      accessSync(there, constants.W_OK | constants.X_OK)
      const { mode, uid } = statSync(there)
      if (there === path && path === state_dir && (mode & 0o077) !== 0)
        return {
          check,
          result: 'failed',
          message: `other users may look into ${path}: run chmod 700 ${path}`,
        }
      if (there === path && uid !== process.geteuid?.())
        return {
          check,
          result: 'warning',
          message: `${path} belongs to another user: chown it to the user that runs runner`,
        }
    } catch (error) {
      const message =
        `${path} cannot be written to: ${errorText(error)}; ` +
        'set state_dir or work_dir in [remote], or run this as the user that owns it'
      return { check, result: 'failed', message }
    }
  }
  return { check, result: 'ok', message: state_dir }
}

function examineMachine({ remote: { state_dir }, env }: DoctorOptions): DoctorCheck {
  const check = 'machine'
  const machine = readMachine(existing(state_dir), env)
  if (!isKnown(machine)) return { check, result: 'warning', message: noIdentity }
  const by =
    machine.machine_id === undefined ? 'its board or disk, as it has no machine id' : 'its machine id'
  return { check, result: 'ok', message: `runner can tell a copy of this machine from it by ${by}` }
}

function examineDisk(
  { remote: { state_dir, work_dir }, minFree }: DoctorOptions,
  facts: Facts | undefined,
): DoctorCheck {
  const check = 'disk'
  const found: string[] = []
  const own = [state_dir, work_dir].map(path => ({ path, free: freeBytes(existing(path)) }))
  for (const { path, free } of [...own, ...(facts?.disks ?? [])]) {
    if (free === undefined) continue
    const size = `${Math.round(free / 1024 ** 2)} MiB`
    if (free < minFree)
      return {
        check,
        result: 'failed',
        message:
          `${path} has ${size} free, and below ${Math.round(minFree / 1024 ** 2)} MiB no work is taken: ` +
          `${facts?.makeRoom ?? 'remove files that are not needed'}, or set min_free in [runner]`,
      }
    found.push(`${path}: ${size} free`)
  }
  return { check, result: 'ok', message: found.join(', ') }
}

/** A path, or what of it is there. */
function existing(path: string): string {
  let there = path
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there)
  return there
}

async function* examineBackend(options: DoctorOptions, scratch: string): AsyncGenerator<DoctorCheck> {
  const { remote, executor, env, edges, openBackend } = options
  const backendOf = (runnerId: string) =>
    openBackend({
      settings: executor,
      stateDir: scratch,
      helperDir: scratch,
      workDir: remote.work_dir,
      runnerId,
      env,
      edges,
      onImageRemoved: () => {},
      onProblem: () => {},
    })
  const backend = backendOf('doctor')
  const requirements = await backend.requirements()
  for (const { name, found, problem } of requirements)
    yield { check: name, result: problem === undefined ? 'ok' : 'failed', message: problem ?? found }
  const never = new AbortController().signal
  const facts = await backend.health(never)
  yield examineDisk(options, facts.ok ? facts.value : undefined)
  yield facts.ok
    ? { check: 'engine', result: 'ok', message: `${facts.value.system}, ${facts.value.address}` }
    : { check: 'engine', result: 'failed', message: facts.failure.message }
  if (facts.ok && requirements.every(({ problem }) => problem === undefined))
    yield* examineJob(options, backendOf)
  else yield { check: 'a job', result: 'skipped', message: 'none can run before the checks above succeed' }
}

/**
 * Has the backend run a job of runner's own, where jobs will run: it may see that directory alone, or under
 * another name.
 */
async function* examineJob(
  { remote: { state_dir, work_dir }, executor }: DoctorOptions,
  backendOf: (runnerId: string) => ExecutorBackend,
): AsyncGenerator<DoctorCheck> {
  const check = 'a job'
  const made = [ephemeralIn(state_dir), work_dir].map(path => [path, existing(path)] as const)
  const left: string[] = []
  const ephemeral = {
    stateDir: state_dir,
    workDir: work_dir,
    backendOf,
    onLeft: (message: string) => void left.push(message),
  }
  try {
    const never = new AbortController().signal
    const done = await asEphemeralRunner(ephemeral, backend => backend.probe(never))
    if (!done.ok) return yield { check, result: 'failed', message: done.failure.message }
    if (left.length > 0)
      return yield {
        check,
        result: 'failed',
        message: `one ran, but was not removed completely: ${left.join('; ')}`,
      }
    yield { check, result: 'ok', message: done.value.tried }
    yield reuseCheck(done.value, executor.reuse)
    if (done.value.diskLimit !== undefined) yield diskCheck(done.value.diskLimit)
  } catch (error) {
    const message = `${state_dir} or ${work_dir} cannot be used: ${errorText(error)}`
    yield { check, result: 'failed', message }
  } finally {
    for (const [path, there] of made) removeEmpty(path, there)
  }
}

function reuseCheck({ once, slot, notes }: Facts, reuse: Reuse): DoctorCheck {
  const check = 'reuse'
  const where = notes.join(', ')
  if (once === undefined) {
    const whom = reuse === 'job' ? 'the same job of one trust domain' : 'jobs of one trust domain'
    return { check, result: 'ok', message: `a ${slot} is used again for ${whom} (${where})` }
  }
  const result = reuse === 'never' ? 'ok' : 'warning'
  return { check, result, message: `each job gets a ${slot} of its own (${where}): ${once}` }
}

/** The check that says how well this host can enforce disk_limit. */
const diskCheck = ({ holds, gap }: DiskLimit): DoctorCheck => ({
  check: 'disk limit',
  result: gap === undefined ? 'ok' : 'warning',
  message: gap ?? holds,
})

/** Removes a directory and those above it, up to one that stays, as far as nothing is in them. */
function removeEmpty(path: string, stays: string): void {
  for (let here = path; here !== stays; here = dirname(here))
    try {
      rmdirSync(here)
    } catch {
      // It was not made, or somebody uses it by now.
    }
}
