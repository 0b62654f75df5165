import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../../src/edges.ts'
import { DockerKeptFiles } from '../../../../src/remote/executors/docker/kept-files.ts'

const never = new AbortController().signal

async function logOf(files: DockerKeptFiles): Promise<string> {
  let text = ''
  for await (const bytes of files.log(0, never)) text += Buffer.from(bytes).toString()
  return text
}

t.test('a link in the place of the exchange directory is removed, and what it leads to is not', async t => {
  const root = t.testdir({ kept: {}, outside: { log: 'of others' } })
  const directory = join(root, 'kept')
  const files = new DockerKeptFiles(directory, undefined, systemClock)
  symlinkSync(join(root, 'outside'), files.path)
  t.equal(await logOf(files), '')
  t.match(await files.trim(), { ok: true })
  t.equal(readFileSync(join(root, 'outside', 'log'), 'utf8'), 'of others')
  mkdirSync(files.path)
  writeFileSync(join(files.path, 'log'), 'its own')
  t.equal(await logOf(files), 'its own')
  t.match(await files.trim(), { ok: true })
  t.equal(readFileSync(join(directory, 'log'), 'utf8'), 'its own')
  t.match([await logOf(files), await files.logLength()], ['its own', 7])
  t.match(await files.discard(), { ok: true })
  t.match([await logOf(files), await files.logLength()], ['', 0])
})
