import { hash } from 'node:crypto'
import { openApiDocument } from '../../protocol/openapi.ts'

interface TaggedText {
  text: Buffer
  etag: string
}

/** The OpenAPI document as text, made at its first use: it never changes. */
export class OpenApiText {
  readonly #texts = new Map<number, TaggedText>()

  /** `indent`: the spaces of a level; 0 for a single line. */
  text(indent: number): TaggedText {
    const text = this.#texts.get(indent) ?? taggedText(indent)
    this.#texts.set(indent, text)
    return text
  }
}

function taggedText(indent: number): TaggedText {
  const text = Buffer.from(`${JSON.stringify(openApiDocument(), null, indent)}\n`)
  return { text, etag: `"${hash('sha256', text).slice(0, 32)}"` }
}
