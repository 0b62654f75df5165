/* Judges the data of another program before any other code uses it. */

import { fail, ok, type Result } from '../../result.ts'
import { jsonText } from '../../system/printable.ts'
import { describeError } from '../describe-error.ts'
import { parseJson } from '../exact-json.ts'
import type { Field, Payload } from './answer-shapes.ts'
import { shapes, validatorOf } from './answer-validators.ts'

/** The parts of an answer that fit, and a sentence on each part that was left out. */
export interface Judged {
  value: unknown
  refused: string[]
}

/**
 * Levels of lists and objects in an answer: more than any has, and few enough for recursive code.
 */
const deepest = 200
/** Sentences about refused parts of one answer. */
const mostTold = 3

/** Whether there is a schema of this name. */
export const isJudged = (name: string): boolean => Object.hasOwn(shapes, name)

/**
 * Judges an answer or an event by its name in answer-shapes.ts. Fails with a sentence where it does not fit;
 * of one that is judged in parts, the parts that fit are taken.
 */
export function judgeAnswer(name: string, value: unknown): Result<Judged, string> {
  const shape = isJudged(name) ? shapes[name] : undefined
  if (shape === undefined) return fail('there is no such answer')
  if (isDeeper(value, deepest)) return fail(`the answer has more than ${deepest} levels`)
  if (shape === 'whole') {
    const wrong = problem(name, value, 'the answer')
    return wrong === undefined ? ok({ value, refused: [] }) : fail(wrong)
  }
  if (shape === 'list') {
    if (!Array.isArray(value)) return fail('the answer must be array')
    const wrong = value.map((item, index) => problem(name, item, placeOf('item', item, index)))
    const first = wrong.find(one => one !== undefined)
    return first === undefined ? ok({ value, refused: [] }) : fail(first)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail('the answer must be object')
  return judgeFields(name, shape, value as Record<string, unknown>)
}

function judgeFields(
  name: string,
  shape: Readonly<Record<string, Field>>,
  value: Record<string, unknown>,
): Result<Judged, string> {
  const kept: Record<string, unknown> = {}
  const refused: string[] = []
  for (const [field, { how, required }] of Object.entries(shape)) {
    const before = refused.length
    const refuse = (wrong: string | undefined) => {
      if (wrong !== undefined) refused.push(wrong)
      return wrong === undefined
    }
    const part = Object.hasOwn(value, field) ? value[field] : undefined
    const judge = (one: unknown, place: string) => refuse(problem(`${name} ${field}`, one, place))
    if (part === undefined) {
      if (required) refuse(`the answer has no field "${field}"`)
    } else if (how === 'one' || how === 'must') {
      if (judge(part, field)) kept[field] = part
    } else if (!Array.isArray(part)) refuse(`${field} must be array`)
    else kept[field] = part.filter((item, index) => judge(item, placeOf(field, item, index)))
    const isWrong = refused.length > before
    if (isWrong && (how === 'must' || how === 'all')) return fail(refused[before]!)
  }
  const more = refused.length - mostTold
  return ok({
    value: kept,
    refused: more > 0 ? [...refused.slice(0, mostTold), `and ${more} more`] : refused,
  })
}

/** Judges a payload that was sealed. Fails with a sentence that shows nothing of it. */
export function judgePayload<T>(name: Payload, text: string): Result<T, string> {
  let value: unknown
  try {
    value = parseJson(text)
  } catch {
    return fail('it is not JSON')
  }
  if (isDeeper(value, deepest)) return fail(`it has more than ${deepest} levels`)
  const wrong = problem(name, value, 'it')
  return wrong === undefined ? ok(value as T) : fail(wrong)
}

function problem(name: string, value: unknown, place: string): string | undefined {
  const validator = validatorOf(name)
  return validator(value) ? undefined : describeError(validator.errors?.[0], place)
}

/** Names an item by its place, from 0, and by its own id or name, as text that is safe to show. */
function placeOf(list: string, item: unknown, index: number): string {
  const {
    execution_id,
    id: own = execution_id,
    name = own,
  } = typeof item === 'object' && item !== null ? (item as Record<string, unknown>) : { name: item }
  return `${list} ${index}${nameOf(own ?? name)}`
}

function nameOf(id: unknown): string {
  return typeof id === 'string' ? ` (${jsonText(id.slice(0, 80))})` : ''
}

/**
 * Whether objects and lists lie in each other deeper than `levels`; without recursion, which would fail on
 * deep ones.
 */
function isDeeper(value: unknown, levels: number): boolean {
  let layer: unknown[] = [value]
  for (let depth = 0; layer.length > 0; depth++) {
    const next: unknown[] = []
    for (const one of layer)
      if (typeof one === 'object' && one !== null) {
        if (depth === levels) return true
        for (const part of Object.values(one)) if (typeof part === 'object' && part !== null) next.push(part)
      }
    layer = next
  }
  return false
}
