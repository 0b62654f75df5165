import type { Machine } from './machine.ts'
import type { PageShell } from './page-shell.ts'

/** The blocks of a page on a machine with systemd: each in a shell of its own, as root, in its home. */
export class MachineShell implements PageShell {
  readonly #machine: Machine

  constructor(machine: Machine) {
    this.#machine = machine
  }

  async run(script: string): Promise<{ status: number; output: string }> {
    await this.#machine.write(
      '/root/.block',
      `cd\nset -E\ntrap 'failed=\${failed:-$?}' ERR\n${script}\nexit $failed\n`,
    )
    const said = await this.#machine.sh(
      'bash /root/.block 2>&1 < /dev/null && status=0 || status=$?; echo "$status"',
    )
    const [, output, status] = /^([\s\S]*?)(\d+)$/.exec(said)!
    return { status: Number(status), output: output! }
  }

  start(): Promise<void> {
    throw new Error('a page for a machine has no other terminal')
  }

  async write(path: string, text: string, mode: number): Promise<void> {
    await this.#machine.write(path.startsWith('/') ? path : `/root/${path}`, text, mode.toString(8))
  }

  async close(): Promise<void> {
    await this.#machine.sh('rm -f /root/.block')
  }
}
