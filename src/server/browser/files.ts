/*
 * The files of the page, which lie beside the built program and are made at the first request where the
 * program runs from its sources. All of them are in memory: a path is looked up among their names, so no
 * request reads any other file, and a program that is replaced on the disk goes on with the files that fit
 * together.
 */
import { hash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../package-root.ts'
import { errorText, fail, ok, type Result } from '../../result.ts'

/** A file of the page, as it is and compressed. */
export interface PageFile {
  /** The media type. */
  type: string
  /** Its name has the hash of its content: it never changes. */
  immutable: boolean
  /** The hash of the content. */
  hash: string
  bytes: Buffer
  /** The compressed forms by the names of their encodings, the best first. */
  compressed: ReadonlyMap<string, Buffer>
}

/** The files by their paths, such as `/index.html`. */
export type Files = ReadonlyMap<string, PageFile>

/** The exports of the script that builds the page. */
interface Builder {
  buildWeb(outDir: string): Promise<void>
}

/** The encodings by the ends of file names. */
const encodings = { '.br': 'br', '.gz': 'gzip' } as const
const types: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
  '.woff2': 'font/woff2',
}

/** The files in a directory and in its `assets`. */
export async function readPage(directory: string): Promise<Files> {
  const files = new Map<string, PageFile>()
  const names: string[] = []
  for (const folder of ['', 'assets/']) {
    const entries = await readdir(join(directory, folder), { withFileTypes: true })
    names.push(...entries.filter(entry => entry.isFile()).map(entry => `${folder}${entry.name}`))
  }
  const present = new Set(names)
  for (const name of names) {
    if (extname(name) in encodings && present.has(name.slice(0, -extname(name).length))) continue
    const bytes = await readFile(join(directory, name))
    const compressed = new Map<string, Buffer>()
    for (const [end, encoding] of Object.entries(encodings))
      if (present.has(`${name}${end}`))
        compressed.set(encoding, await readFile(join(directory, `${name}${end}`)))
    files.set(`/${name}`, {
      type: types[extname(name)] ?? 'application/octet-stream',
      immutable: name.startsWith('assets/'),
      hash: hash('sha256', bytes).slice(0, 32),
      bytes,
      compressed,
    })
  }
  return files
}

/** The files of the page, read or built when they are first asked for. */
export class PageFiles {
  /** The directory that a build has put beside the program. */
  readonly #built: string
  /** Where the sources of the page are, and the script that builds it. */
  readonly #sources: string
  readonly #script: string
  #files: { at: number; files: Promise<Result<Files, string>> } | undefined

  constructor({ built = join(import.meta.dirname, 'web'), root = packageRoot } = {}) {
    this.#built = built
    this.#sources = join(root, 'src', 'web')
    this.#script = join(root, 'scripts', 'web.ts')
  }

  /** The files, or a sentence that says why there are none and what to do. */
  async files(): Promise<Result<Files, string>> {
    const changed = existsSync(this.#built) ? 0 : await newestIn(this.#sources)
    if (this.#files?.at !== changed) this.#files = { at: changed, files: this.#make() }
    const files = await this.#files.files
    // The next request tries again.
    if (!files.ok) this.#files = undefined
    return files
  }

  async #make(): Promise<Result<Files, string>> {
    try {
      if (existsSync(this.#built)) return ok(await readPage(this.#built))
      if (!existsSync(this.#script))
        return fail('the files of the page are missing in this installation: install it again')
      return ok(await this.#build())
    } catch (error) {
      return fail(
        `the files of the page cannot be had: ${errorText(error)}; ` +
          `\`npm ci\` and \`npm run build\` make them`,
      )
    }
  }

  async #build(): Promise<Files> {
    const directory = await mkdtemp(join(tmpdir(), 'runner-page-'))
    try {
      // The bundle does not have the script, which needs the packages of a checkout.
      const script = pathToFileURL(this.#script).href
      const { buildWeb } = (await import(script)) as Builder
      await buildWeb(directory)
      return await readPage(directory)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
}

/** When the latest change in a directory was made, in milliseconds: the page is then built anew. */
async function newestIn(directory: string): Promise<number> {
  const names = await readdir(directory, { recursive: true }).catch(() => [])
  const times = await Promise.all(
    names.map(name =>
      stat(join(directory, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  )
  return Math.max(0, ...times)
}
