/*
 * Whether the program of an image was made with the SDK of Go. Nothing is run for that: a start without an
 * input could do something. The linker leaves the names of functions in a program, and leaves out functions
 * that nobody calls. So a program with the function by which the SDK waits for further jobs is one that can
 * stay.
 */
import { posix } from 'node:path'
import type { ImageFacts } from '../image.ts'
import type { Engine } from './engine.ts'

/** A part of the function's name; before it is the domain, and with a vendor directory more. */
const needle = Buffer.from('release-integration-sdk-go/runner.startInputSecretWatcher')
const elf = Buffer.from('\x7fELF', 'latin1')
/** Seconds for a program of some hundred MB, and links to follow. */
const limits = { seconds: 60, links: 8 }
const block = 512

type Facts = Pick<ImageFacts, 'entrypoint' | 'command' | 'env' | 'workdir'>

/**
 * Looks into the program of a container that was created from the image, and need not run. Undefined: the
 * engine did not show it.
 */
export async function hasSdkOfGo(
  engine: Engine,
  container: string,
  image: Facts,
): Promise<boolean | undefined> {
  for (const path of pathsOf(image)) {
    const found = await engine.call(
      'read a program',
      (docker, abortSignal) =>
        look(path, at => docker.getContainer(container).getArchive({ path: at, abortSignal })),
      limits.seconds,
    )
    if (found.ok && found.value !== undefined) return found.value
    if (!found.ok && found.failure.reason !== 'not-found') return undefined
  }
  return false
}

/** Where the program may be, as an engine looks for it. */
function pathsOf({ entrypoint, command, env, workdir }: Facts): string[] {
  const [program] = [...entrypoint, ...command]
  if (!program) return []
  if (program.includes('/')) return [posix.resolve('/', workdir, program)]
  const path = env.find(entry => entry.startsWith('PATH='))?.slice(5) ?? usualPath
  return path.split(':').map(folder => posix.resolve('/', workdir, folder, program))
}

const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Undefined: there is no such file. The engine answers with an archive of one file, which may be a link. */
async function look(
  path: string,
  archiveOf: (path: string) => Promise<AsyncIterable<Buffer>>,
): Promise<boolean | undefined> {
  for (let at = path, links = 0; links <= limits.links; links++) {
    const link = await lookInto(await archiveOf(at))
    if (typeof link !== 'string') return link
    at = posix.resolve(posix.dirname(at), link)
  }
  return false
}

/** The target of a link, or whether the function is in the file. */
async function lookInto(archive: AsyncIterable<Buffer>): Promise<boolean | string> {
  let seen = Buffer.alloc(0)
  let isProgram = false
  // Leaving the loop ends the call.
  for await (const chunk of archive) {
    seen = Buffer.concat([seen, chunk])
    if (!isProgram) {
      // After the block with its name and kind comes the file, or a block of zeros.
      if (seen.length < block + elf.length) continue
      if (seen[156] === isLink) return seen.toString('utf8', 157, 257).replace(/\0.*$/s, '')
      isProgram = seen.subarray(block, block + elf.length).equals(elf)
      if (!isProgram) return false
    }
    if (seen.includes(needle)) return true
    seen = seen.subarray(-needle.length)
  }
  return false
}

const isLink = '2'.charCodeAt(0)
