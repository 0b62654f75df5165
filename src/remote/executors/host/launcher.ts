/*
 * Starts a supervisor so that it is not a part of runner. With systemd it is a transient unit: its cgroup is
 * the process tree of the job, and the sandbox of runner's own unit does not apply. Without systemd it leads
 * a session of its own.
 */
import { existsSync } from 'node:fs'
import { errorText, fail, ok, type Result } from '../../../result.ts'

/** Seconds for one call of systemd. */
const callLimit = 30
/**
 * Seconds that systemd waits, in addition to the grace of the job, before it kills a unit that is being
 * stopped.
 */
const stopSlack = 15

export interface Launch {
  /** The program of the supervisor and its arguments. */
  words: readonly [string, ...string[]]
  /** The name of the unit; undefined without systemd. */
  unit: string | undefined
  /** Seconds that the job has between its signal and SIGKILL. */
  grace: number
}

export interface Launcher {
  readonly usesSystemd: boolean
  /** The name that a unit will have; undefined without systemd. */
  unitOf(nonce: string): string | undefined
  /** Resolves when the supervisor has been started. */
  launch(launch: Launch): Promise<Result<void, string>>
  /** Kills a unit with all its processes; a unit that is gone counts as killed. */
  kill(unit: string): Promise<void>
}

/** Whether this host runs systemd and this process may start units. */
export const hasSystemd = (): boolean => process.geteuid?.() === 0 && existsSync('/run/systemd/system')

export const systemd: Launcher = {
  usesSystemd: true,
  unitOf: nonce => `runner-job-${nonce}.service`,
  async launch({ words, unit, grace }) {
    const properties = [
      'Type=exec',
      'KillMode=mixed',
      `TimeoutStopSec=${Math.ceil(grace) + stopSlack}s`,
      'CPUAccounting=yes',
      'MemoryAccounting=yes',
    ]
    const options = ['--quiet', '--collect', '--no-ask-password', `--unit=${unit}`]
    return call('systemd-run', [...options, ...properties.map(text => `--property=${text}`), '--', ...words])
  },
  async kill(unit) {
    await call('systemctl', ['kill', '--kill-who=all', '--signal=SIGKILL', unit])
  },
}

export const sessionLeader: Launcher = {
  usesSystemd: false,
  unitOf: () => undefined,
  async launch({ words: [program, ...args] }) {
    const { execa } = await import('execa')
    const child = execa(program, args, { detached: true, cleanup: false, stdio: 'ignore', reject: false })
    child.nodeChildProcess.unref()
    if (child.pid !== undefined) return ok(undefined)
    const { shortMessage } = await child
    return fail(shortMessage ?? `${program} cannot be started`)
  },
  async kill() {
    // There is no unit; the caller finds the processes by RUNNER_TRY_ID.
  },
}

async function call(program: string, args: readonly string[]): Promise<Result<void, string>> {
  const { execa } = await import('execa')
  try {
    await execa(program, args, { timeout: callLimit * 1000, stdin: 'ignore' })
    return ok(undefined)
  } catch (error) {
    return fail(errorText(error))
  }
}
