import { constants, lstatSync } from 'node:fs'
import { open, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { systemChance } from '../edges.ts'
import { pathOfDescriptor } from './proc.ts'
import { distrustedLinks, isRoot, problemOf, trustOf } from './trust.ts'

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants

export interface ReplaceOptions {
  mode: number
  /**
   * True: root writes only in a directory that nobody else may write to, and that no link of somebody else
   * leads to.
   */
  trusted?: boolean
}

/**
 * Replaces a file as a whole: after a crash there is the old one or the new one. The draft has a name that
 * nobody can guess and is made by this process alone; no link is followed, one at `path` is replaced. Both
 * names are looked up in the directory that was opened, whatever its name leads to meanwhile. Rejects where a
 * device has that name, and with system errors.
 */
export async function replaceFile(
  path: string,
  content: string,
  { mode, trusted = false }: ReplaceOptions,
): Promise<void> {
  const folder = dirname(path)
  const directory = await open(folder, O_RDONLY | O_DIRECTORY | (trusted && isRoot() ? O_NOFOLLOW : 0))
  try {
    const trust = trustOf(process.env)
    const problem =
      trusted && isRoot()
        ? (problemOf(folder, await directory.stat(), trust) ?? distrustedLinks(folder, trust)[0])
        : undefined
    if (problem !== undefined) throw new Error(`${problem.path} ${problem.message}: ${problem.hint}`)
    const here = pathOfDescriptor(directory.fd)
    const place = lstatSync(here, { throwIfNoEntry: false }) === undefined ? folder : here
    await replaceIn(place, basename(path), content, mode)
  } finally {
    await directory.close()
  }
}

async function replaceIn(place: string, name: string, content: string, mode: number): Promise<void> {
  const old = lstatSync(join(place, name), { throwIfNoEntry: false })
  if (old?.isCharacterDevice() || old?.isBlockDevice()) throw new Error('it is a device')
  const draft = join(place, `.runner-${systemChance.id()}.new`)
  const file = await open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode)
  try {
    try {
      await file.writeFile(content)
      // The umask must not change the mode.
      await file.chmod(mode)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, join(place, name))
  } catch (error) {
    await unlink(draft).catch(() => {})
    throw error
  }
}
