/*
 * Images for a throw-away engine, made of what is on this machine.
 */
import { chmodSync, copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { execaSync } from 'execa'
import { command } from './command.ts'
import type { Engine } from './engine.ts'
import { type Component, program } from './require.ts'
import { fixtures } from './rig.ts'

const busybox = program('busybox')

/** A busybox without libraries, which executors need too. */
export const staticBusybox: Component & { path: string } = {
  path: busybox.path,
  get missing() {
    if (busybox.missing !== undefined) return busybox.missing
    const { stdout } = execaSync('sh', ['-c', 'ldd "$1" 2>&1 || true', 'sh', busybox.path])
    return /not a dynamic executable|statically linked/.test(stdout) ? undefined : 'a static busybox'
  },
}

/** A C compiler that links statically. */
export const compiler = program('gcc')

export interface ImageSpec {
  /** Dockerfile instructions: `ENTRYPOINT ["…"]`. */
  changes?: string[]
  /** Text files by path. */
  files?: Record<string, string>
  /** Fills the image's root directory. */
  fill?(root: string): void
}

/** Makes an image of a directory. */
export async function makeImage(engine: Engine, name: string, spec: ImageSpec): Promise<void> {
  const root = join(engine.directory, `image-${name.replace(/\W/g, '-')}`)
  mkdirSync(root)
  spec.fill?.(root)
  for (const [path, text] of Object.entries(spec.files ?? {})) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    writeFileSync(join(root, path), text, { mode: 0o755 })
  }
  const archive = `${root}.tar`
  await command('tar', ['-C', root, '-cf', archive, '.'])
  await importImage(engine, name, archive, spec.changes)
}

/** Makes an image of a tar archive; `changes`: Dockerfile instructions. */
export async function importImage(
  engine: Engine,
  name: string,
  archive: string,
  changes: readonly string[] = [],
): Promise<void> {
  // docker import knows not all instructions.
  const later = changes.filter(change => change.startsWith('STOPSIGNAL'))
  const now = changes.filter(change => !later.includes(change)).flatMap(change => ['-c', change])
  await engine.docker('import', ...now, archive, name)
  if (later.length === 0) return
  const context = `${archive}-context`
  mkdirSync(context)
  writeFileSync(join(context, 'Dockerfile'), [`FROM ${name}`, ...later].join('\n'))
  await engine.docker('build', '--quiet', '--network', 'none', '-t', name, context)
}

/** busybox with the applets that tests use, and what a small system has. */
export function withBusybox(root: string, applets = everyday): void {
  for (const folder of ['bin', 'etc', 'tmp', 'app']) mkdirSync(join(root, folder), { recursive: true })
  copyFileSync(staticBusybox.path, join(root, 'bin', 'busybox'))
  for (const applet of applets) symlinkSync('busybox', join(root, 'bin', applet))
  chmodSync(join(root, 'tmp'), 0o1777)
  writeFileSync(join(root, 'etc', 'passwd'), 'root:x:0:0:root:/:/bin/sh\n')
}

const everyday = [
  'sh',
  'cat',
  'cp',
  'date',
  'dd',
  'env',
  'false',
  'head',
  'id',
  'kill',
  'ln',
  'ls',
  'mkdir',
  'mkfifo',
  'mv',
  'ps',
  'pwd',
  'rm',
  'rmdir',
  'seq',
  'setsid',
  'sleep',
  'stat',
  'tail',
  'touch',
  'tr',
  'true',
  'wc',
  'yes',
]

/** A binary with the libraries that it needs. */
export function withProgram(root: string, binary: string, path: string): void {
  const libraries = execaSync('ldd', [binary]).stdout.matchAll(/(\/\S+) \(0x/g)
  for (const [, library] of libraries) {
    mkdirSync(join(root, dirname(library!)), { recursive: true })
    copyFileSync(library!, join(root, library!))
  }
  mkdirSync(join(root, dirname(path)), { recursive: true })
  copyFileSync(binary, join(root, path))
}

/** The plugin of test/fixtures/images, on this Node. */
export function pluginImage(engine: Engine, name: string, ...changes: string[]): Promise<void> {
  return makeImage(engine, name, {
    fill(root) {
      withBusybox(root)
      withProgram(root, process.execPath, '/usr/bin/node')
      copyFileSync(join(fixtures, 'images', 'plugin.mjs'), join(root, 'app', 'plugin.mjs'))
    },
    changes: ['ENTRYPOINT ["node", "plugin.mjs"]', 'WORKDIR /app', 'ENV APP_HOME=/app', ...changes],
  })
}

/** The same, of a plugin that can stay for further jobs. */
export function stayingPluginImage(engine: Engine, name: string, ...changes: string[]): Promise<void> {
  return makeImage(engine, name, {
    fill(root) {
      withBusybox(root)
      withProgram(root, process.execPath, '/usr/bin/node')
      copyFileSync(join(fixtures, 'images', 'staying-plugin.mjs'), join(root, 'app', 'plugin.mjs'))
    },
    changes: [
      'ENTRYPOINT ["node", "plugin.mjs", "digitalai.release.integration"]',
      'WORKDIR /app',
      ...changes,
    ],
  })
}

/**
 * The image of such a plugin, as the SDK of Go makes them: its program has the name of a function of that SDK in
 * it, and a link leads there.
 */
export async function goPluginImage(engine: Engine, name: string, from: string): Promise<void> {
  const context = join(engine.directory, `image-${name}`)
  const app = join(context, 'app')
  mkdirSync(app, { recursive: true })
  withStaticProgram(app, 'plugin', startsNode)
  symlinkSync('../app/plugin', join(app, 'start'))
  const lines = [`FROM ${from}`, 'COPY app /app/', 'ENTRYPOINT ["/app/start", "plugin.mjs"]']
  writeFileSync(join(context, 'Dockerfile'), lines.join('\n'))
  await engine.docker('build', '--quiet', '--network', 'none', '-t', name, context)
}

const startsNode = `
#include <unistd.h>
__attribute__((used)) const char name[] = "release-integration-sdk-go/runner.startInputSecretWatcher.func1";
int main(int count, char **words) { return execv("/usr/bin/node", words); }
`

/** A program of one file in C, without libraries. */
export function withStaticProgram(root: string, path: string, source: string): void {
  const file = join(root, `${basename(path)}.c`)
  writeFileSync(file, source)
  execaSync('gcc', ['-static', '-O1', '-o', join(root, path), file])
  rmSync(file)
}
