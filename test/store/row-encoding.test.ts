import t from 'tap'
import { StoreFailure } from '../../src/store/failure.ts'
import { newestVersion } from '../../src/store/migrations.ts'
import { decode, decodeOr, encode } from '../../src/store/row-encoding.ts'
import { emptyExecution } from '../../src/store/rows.ts'
import { type TableName, tableNames, tables } from '../../src/store/tables.ts'
import { execution, token } from '../support/rows.ts'

/** An answer with the body of a row, changed. */
function answerOf(row: ReturnType<typeof execution>, change: Record<string, unknown> = {}) {
  const { id, deadline, body } = encode('executions', row, 0)
  return { id: id!, deadline: deadline!, body: JSON.stringify({ ...JSON.parse(body as string), ...change }) }
}

/** Why a row cannot be read. */
function reasonOf(table: TableName, answer: Parameters<typeof decode>[1]): string | undefined {
  try {
    decode(table, answer)
    return undefined
  } catch (error) {
    return error instanceof StoreFailure ? `${error.reason}: ${error.message}` : String(error)
  }
}

t.test('a row is read as it was written, and the format is not a field of it', async t => {
  const row = execution({ capabilities: ['gpu'], deadline: 5, owner: 'somebody' })
  t.same(decode('executions', answerOf(row)), row)
  t.equal(JSON.parse(answerOf(row).body).format, newestVersion)
})

t.test('a row of an earlier release gets the default of each field that it lacks', async t => {
  const { id, group, kind, image, runner_group, state, created_at } = execution()
  const needed = { id, group, kind, image, runner_group, state, created_at }
  const read = decode('executions', { id, deadline: null, body: JSON.stringify(needed) })
  t.same(read, { ...emptyExecution, ...needed })
  const { watched_at, ...old } = token()
  t.equal(decode('tokens', { id: old.id, body: JSON.stringify(old) }).watched_at, 0)
})

t.test('a field that this program does not know is written again', async t => {
  const row = decode('executions', answerOf(execution(), { colour: 'red' }))
  t.match(JSON.parse(answerOf({ ...row, priority: 3 }).body), { colour: 'red', priority: 3 })
})

t.test('a row of a newer format is refused, whatever it holds', async t => {
  const row = execution()
  const newer = answerOf(row, { format: newestVersion + 1, state: undefined })
  t.match(
    reasonOf('executions', newer),
    /^too-new: .*its format is \d+, and this program reads formats up to \d+/,
  )
  t.same(
    decodeOr('executions', newer, (id, reason) => ({ id, reason })),
    { id: row.id, reason: 'too-new' },
  )
})

t.test('a row without a field that every release has written is damaged', async t => {
  for (const table of tableNames)
    for (const field of tables[table].needs)
      t.notOk(field in tables[table].empty, `${table}.${field} has no default`)
  t.match(reasonOf('executions', answerOf(execution(), { state: undefined })), /^damaged: /)
  const { id } = execution()
  for (const body of ['', 'null', '7', '"text"', '[]', '{}', `{"id":"${id}"}`])
    t.match(reasonOf('executions', { id, deadline: null, body }), /^damaged: /, body)
})
