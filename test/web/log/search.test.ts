import t from 'tap'
import { mostFound, type Progress, search } from '../../../src/web/log/search.ts'
import type { ReadRange } from '../../../src/web/log/window.ts'

/** The end of a search in a log that is read in parts of so many bytes. */
async function found(text: string, wanted: string, part = 7, dropped?: [head: number, tail: number]) {
  const log = Buffer.from(text)
  const read: ReadRange = async from => {
    const isKept = dropped === undefined || from < dropped[0] || from >= dropped[1]
    const offset = isKept ? from : dropped[1]
    const end = dropped !== undefined && offset < dropped[0] ? dropped[0] : log.length
    return {
      offset,
      bytes: log.subarray(offset, Math.min(end, offset + part)),
      length: log.length,
      head: null,
    }
  }
  let last: Progress | undefined
  for await (const progress of search(read, wanted)) last = progress
  return last
}

t.test('a text is found wherever it is, across parts, in small and capital letters', async t => {
  t.strictSame(await found('an Error, no error: ERRORS', 'error'), {
    found: [3, 13, 20],
    read: 26,
    length: 26,
  })
  t.strictSame((await found('größe GRÖSSE größe', 'größe'))?.found, [0, 16])
  t.strictSame((await found('a.c abc [a.c]', 'a.c'))?.found, [0, 9], 'it is no pattern')
  t.strictSame((await found('aaaa', 'aa', 1))?.found, [0, 2])
  t.strictSame((await found('', 'x'))?.found, [])
  t.strictSame((await found('x\xff', '\u20ac'))?.found, [])
})

t.test('nothing is found across bytes that were not kept', async t => {
  t.strictSame((await found('ab......cd', 'bc', 4, [2, 8]))?.found, [])
  t.strictSame(await found('ab......bc', 'bc', 4, [2, 8]), { found: [8], read: 10, length: 10 })
})

t.test('it ends when it has found enough', async t => {
  const end = await found('x'.repeat(3 * mostFound), 'x', mostFound)
  t.equal(end?.found.length, mostFound)
  t.equal(end?.read, mostFound)
})
