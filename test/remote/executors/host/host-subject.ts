/* The host backend as tests have it: without systemd, in a directory that goes with the test. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { systemChance, systemClock } from '../../../../src/edges.ts'
import { HostBackend } from '../../../../src/remote/executors/host/backend.ts'
import { type Launcher, sessionLeader } from '../../../../src/remote/executors/host/launcher.ts'
import type { HostOptions } from '../../../../src/remote/executors/host/options.ts'
import { makePassable } from '../../../../src/remote/executors/host/paths.ts'
import { directoryPrefix } from '../../../support/reaper.ts'
import { type Subject, scriptOf } from '../subject.ts'

/** The program of a supervisor, from the sources. */
const supervisor = resolve(import.meta.dirname, '../../../../src/remote/executors/host/supervisor.ts')
/** The variable that gives a supervisor the compiled modules of this process: a unit does not inherit it. */
const compiled = Object.entries(process.env)
  .filter(([name]) => name === 'NODE_COMPILE_CACHE')
  .map(([name, value]) => `${name}=${value}`)
/** Somebody who owns nothing; without root a test has its own user only. */
const nobody = { uid: 65534, gid: 65534 }

export class HostRig implements Disposable {
  readonly directory: string
  readonly options: HostOptions

  constructor(launcher: Launcher = sessionLeader) {
    this.directory = mkdtempSync(join(tmpdir(), directoryPrefix))
    for (const path of ['.', 'work', 'holds']) makePassable(join(this.directory, path))
    mkdirSync(join(this.directory, 'spool'), { mode: 0o700 })
    this.options = {
      workDir: join(this.directory, 'work'),
      runnerId: 'r',
      supervisor: ['env', ...compiled, process.execPath, supervisor],
      user: process.geteuid?.() === 0 ? nobody : 'own',
      launcher,
      edges: { clock: systemClock, chance: systemChance },
    }
  }

  /** `changes`: options of the backend that are otherwise. */
  subject(changes: Partial<HostOptions> = {}): Subject {
    const options = { ...this.options, ...changes }
    const hold = (name: string) => join(this.directory, 'holds', name)
    return {
      open: () => new HostBackend(options),
      image: 'none',
      words: steps => ['sh', '-c', scriptOf(steps, name => `[ -e '${hold(name)}' ]`)],
      missing: ['/there/is/no/such/program'],
      release: name => writeFileSync(hold(name), ''),
      spoolDir: () => mkdtempSync(join(this.directory, 'spool', 'job-')),
      makeBare: async () => {
        const id = 'b'.repeat(32)
        mkdirSync(join(options.workDir, `r.${id}`))
        return id
      },
      killSlot: undefined,
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Gives a test a host. */
export async function withHost(body: (subject: Subject) => Promise<void>): Promise<void> {
  using rig = new HostRig()
  await body(rig.subject())
}
