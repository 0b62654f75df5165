import { readFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { api } from '../../src/protocol/api.ts'
import { openApiDocument } from '../../src/protocol/openapi.ts'

interface Operation {
  operationId: string
  parameters?: { name: string; in: string; required?: boolean }[]
  security: Record<string, never[]>[]
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown> }
}

// The document is JSON of no type; this is what OpenAPI has there.
const document = openApiDocument() as unknown as Document & Record<string, unknown>
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
)

t.test('the document is valid OpenAPI, and every reference in it leads somewhere', async t => {
  const validator = new Validator()
  const { valid, errors } = await validator.validate(structuredClone(document))
  t.ok(valid, { errors })
  t.equal(validator.version, '3.1')
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)]
  for (const [, name] of references) t.ok(name! in document.components.schemas, name!)
})

const withoutToken = ['health', 'openapi', 'openBrowserSession', 'signInWays', 'startOidc', 'finishOidc']

t.test('every call of the table is in the document, with its parameters and tokens', async t => {
  t.same(operations.map(({ operation }) => operation.operationId).sort(), Object.keys(api).sort())
  for (const { path, operation } of operations) {
    const inPath = (operation.parameters ?? []).filter(parameter => parameter.in === 'path')
    t.same(
      inPath.map(({ name }) => `{${name}}`),
      path.match(/\{\w+\}/g) ?? [],
      path,
    )
    t.ok(inPath.every(parameter => parameter.required))
    const open = operation.security.length === 0
    t.equal(open, withoutToken.includes(operation.operationId), operation.operationId)
  }
})

t.test('what is published is what the program says', async t => {
  t.same(JSON.parse(readFileSync('docs/reference/openapi.json', 'utf8')), document)
})
