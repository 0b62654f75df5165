import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Engine } from './engine.ts'
import { type Component, program } from './require.ts'

export const registryNeeds: Component[] = [program('docker-registry'), program('nsenter')]

/** A registry in the network of an engine, whose loopback it shares. */
export class Registry implements AsyncDisposable {
  readonly directory: string
  readonly #process

  constructor(engine: Engine, port: number, more: string[] = []) {
    const directory = join(engine.directory, `registry-${port}`)
    this.directory = directory
    mkdirSync(directory)
    const config = [
      'version: 0.1',
      `storage: { filesystem: { rootdirectory: ${directory} } }`,
      `http: { addr: "127.0.0.1:${port}" }`,
      ...more,
    ]
    writeFileSync(join(directory, 'config.yml'), config.join('\n'))
    const args = [`--net=${engine.network}`, 'docker-registry', 'serve', join(directory, 'config.yml')]
    this.#process = execa('setpriv', ['--pdeathsig', 'KILL', 'nsenter', ...args], {
      stdio: 'ignore',
      reject: false,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#process
  }
}

/** Repeats a call to a registry that may be starting. */
export async function eventually<T>(action: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action()
    } catch (error) {
      if (attempt === 50) throw error
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  }
}
