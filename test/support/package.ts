import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { cached } from './cache.ts'
import { command } from './command.ts'
import { type Component, program } from './require.ts'

const checkout = resolve(import.meta.dirname, '..', '..')

export const packageNeeds: Component[] = ['dpkg-buildpackage', 'dh', 'git'].map(program)

/** A copy of the checkout as it is, less what git ignores, with the packages of npm. */
export async function copyCheckout(to: string): Promise<void> {
  const list = await command('git', ['ls-files', '-coz', '--exclude-standard'], { cwd: checkout })
  for (const name of list.split('\0').filter(name => name !== '')) {
    mkdirSync(dirname(join(to, name)), { recursive: true })
    cpSync(join(checkout, name), join(to, name), { force: true, mode: 0 })
  }
  symlinkSync(join(checkout, 'node_modules'), join(to, 'node_modules'))
}

/** Builds the Debian package below a directory; resolves to the paths of all that comes of it. */
export async function buildPackage(dir: string): Promise<{ source: string; built: string[]; deb: string }> {
  const source = join(dir, 'runner')
  await copyCheckout(source)
  await command('dpkg-buildpackage', ['-us', '-uc', '-b'], { cwd: source, patience: 200 })
  const built = readdirSync(dir).filter(name => name !== 'runner')
  const deb = built.find(name => /^runner_.*\.deb$/.test(name))
  if (deb === undefined) throw new Error(`no package among ${built.join(', ')}`)
  return { source, built, deb: join(dir, deb) }
}

/** The directory of another Node.js, for this machine, from npm. */
export function otherNode(version: string): Promise<string> {
  const name = `node-linux-${process.arch}`
  return cached(`node-${version}`, async path => {
    mkdirSync(path)
    writeFileSync(join(path, 'package.json'), '{}')
    await command('npm', ['install', '--no-audit', '--no-fund', `${name}@${version}`], {
      cwd: path,
      patience: 200,
    })
  }).then(path => join(path, 'node_modules', name, 'bin'))
}
