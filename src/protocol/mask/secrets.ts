/*
 * The secrets in a plugin's input and output: the value of every property with `password: true`, however deep
 * it lies in other values, and the password of the user that the task runs as. No function here calls itself,
 * so inputs and outputs may have any depth.
 */
import { rawNumber } from '../exact-json.ts'
import type { InputContext } from '../messages/jobs.ts'

export function isObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && rawNumber(value) === undefined
  )
}

/**
 * All texts of a secret that must not be shown: of a configuration item the texts of its values, not the
 * names of its properties.
 */
export function textsOf(secret: unknown): string[] {
  const texts: string[] = []
  const rest: unknown[] = [secret]
  for (let value = rest.pop(); value !== undefined; value = rest.pop()) {
    const number = typeof value === 'number' ? String(value) : rawNumber(value)
    if (typeof value === 'string' && value !== '') texts.push(value)
    else if (number !== undefined) texts.push(number)
    else for (const part of partsOf(value).toReversed()) if (part !== undefined) rest.push(part)
  }
  return texts
}

function partsOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value
  if (!isObject(value)) return []
  if (!Array.isArray(value.properties)) return Object.values(value)
  return value.properties.map(property => (isObject(property) ? property.value : property))
}

/** The texts of all passwords in a value. */
export function passwordsIn(value: unknown): string[] {
  const texts: string[] = []
  const rest: unknown[] = [value]
  for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
    if (isObject(part) && part.password === true) for (const text of textsOf(part.value)) texts.push(text)
    if (Array.isArray(part) || isObject(part))
      for (const inner of Object.values(part)) if (inner !== undefined) rest.push(inner)
  }
  return texts
}

/** Every text of an input that must not be shown. */
export function secretsOfInput(input: InputContext): string[] {
  const password = input.release?.automatedTaskAsUser?.password
  return [...new Set([...passwordsIn(input), ...textsOf(password)])]
}

/** The names of the outputs that are passwords: a property of that name in the input says so. */
export function passwordOutputs(input: InputContext): Set<string> {
  return new Set(input.task.properties.filter(({ password }) => password === true).map(({ name }) => name))
}
