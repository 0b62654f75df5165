import { nextTurn } from '../../system/wait.ts'

/** A list that is answered as JSON. */
export interface JsonList<Item> {
  /** Made one after the other, as the reader takes them. */
  items: AsyncIterable<Item> | Iterable<Item>
  /** The key of the next page; without it the list is a bare array. */
  next?: string | null
  /** The names of the fields that are shown of each item; without it all of them. */
  fields?: ReadonlySet<string> | undefined
}

/** About how many characters are written at once. */
const piece = 64 * 1024

/**
 * A list as JSON text in pieces. Other calls have their turn between two of them, however long the list is.
 */
export async function* listText(
  { items, next, fields }: JsonList<unknown>,
  indent = 0,
): AsyncGenerator<string> {
  const isPage = next !== undefined
  const margin = indent === 0 ? '' : ' '.repeat(isPage ? 2 * indent : indent)
  const line = indent === 0 ? '' : '\n'
  const space = indent === 0 ? '' : ' '
  const outer = isPage ? ' '.repeat(indent) : ''
  let text = isPage ? `{${line}${outer}"items":${space}[` : '['
  let first = true
  for await (const item of items) {
    const json = JSON.stringify(
      fields === undefined ? item : withFields(item, fields),
      null,
      indent,
    ).replaceAll('\n', `\n${margin}`)
    text += `${first ? '' : ','}${line}${margin}${json}`
    first = false
    if (text.length < piece) continue
    yield text
    text = ''
    await nextTurn()
  }
  if (!first) text += `${line}${outer}`
  yield isPage ? `${text}],${line}${outer}"next":${space}${JSON.stringify(next)}${line}}\n` : `${text}]\n`
}

/** A short list as one text. */
export async function wholeText(list: JsonList<unknown>): Promise<Buffer> {
  const pieces: string[] = []
  for await (const piece of listText(list)) pieces.push(piece)
  return Buffer.from(pieces.join(''))
}

function withFields(item: unknown, fields: ReadonlySet<string>): unknown {
  return Object.fromEntries(Object.entries(item ?? {}).filter(([name]) => fields.has(name)))
}
