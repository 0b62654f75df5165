import t from 'tap'
import { droppedNotice, logRange, logText } from '../../../src/server/state/read-log.ts'
import type { Reader } from '../../../src/store/reader.ts'
import { emptyLog } from '../../../src/store/rows.ts'
import type { Store } from '../../../src/store/store.ts'

const whole = Buffer.from('0123456789')
const row = { ...emptyLog, execution_id: 'e', length: whole.length }

/** A store of one log, whose row is `rows` look by look and whose bytes are there as far as `isThere` says. */
function storeOf(rows: readonly object[], isThere: (offset: number) => boolean): Pick<Store, 'read'> {
  let looks = 0
  const tx = {
    log: async () => rows[Math.min(looks++, rows.length - 1)],
    readLog: async (_id: string, offset: number, length: number) =>
      isThere(offset) ? whole.subarray(offset, offset + length) : Buffer.alloc(0),
  } as unknown as Reader
  return { read: reader => reader(tx) }
}

async function textOf(store: Pick<Store, 'read'>, from = 0): Promise<string> {
  let text = ''
  for await (const bytes of logText(store, 'e', from)) text += bytes
  return text
}

t.test('a log goes on behind bytes that were dropped after its row was read', async t => {
  const dropped = { ...row, head: 0, tail: 6 }
  const store = storeOf([row, dropped], offset => offset >= 6)
  t.equal(await textOf(store), `${droppedNotice(6)}6789`)
})

t.test('a log ends where bytes are missing for good', async t => {
  t.equal(await textOf(storeOf([row], () => false)), '')
  t.equal(
    await textOf(
      storeOf([row], () => true),
      4,
    ),
    '456789',
  )
  t.equal(
    await textOf(
      storeOf([row], () => true),
      10,
    ),
    '',
  )
})

t.test('a log that is read while it grows ends where it ended at first', async t => {
  const there = () => true
  t.equal(await textOf(storeOf([{ ...row, length: 4 }, row], there)), '0123')
  const twice = [{ ...row, length: 6, head: 2, tail: 4 }, row]
  t.equal(await textOf(storeOf(twice, there)), '012345', 'a piece that has more is cut')
  t.equal(await textOf(storeOf([{ ...row, length: 4 }, row], there), 5), '')
})

t.test('a range of a log has at most as many bytes as asked, and says where they begin', async t => {
  const range = async (
    rows: readonly object[],
    from: number,
    most: number,
    isThere: (offset: number) => boolean = () => true,
  ) => {
    const { offset, bytes, length } = await logRange(storeOf(rows, isThere), 'e', from, most)
    return [offset, `${bytes}`, length]
  }
  t.strictSame(await range([row], 0, 4), [0, '0123', 10])
  t.strictSame(await range([row], 8, 4), [8, '89', 10])
  t.strictSame(await range([row], 12, 4), [12, '', 10])
  t.strictSame(await range([undefined as never], 3, 4), [3, '', 0], 'of an execution without a log')
  const dropped = { ...row, head: 2, tail: 6 }
  t.strictSame(await range([dropped], 0, 9), [0, '01', 10], 'it ends where bytes are dropped')
  t.strictSame(await range([dropped], 3, 9), [6, '6789', 10], 'it begins behind them')
  t.strictSame(await range([row, dropped], 3, 2, offset => offset >= 6), [6, '67', 10])
  t.strictSame(await range([row], 3, 2, () => false), [3, '', 10], 'bytes are lost for good')
})
