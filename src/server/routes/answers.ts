import { ok, type Result } from '../../result.ts'
import type { Answer } from '../call.ts'
import type { HttpRefusal } from '../http-problems.ts'
import type { Listed } from '../pages.ts'

type Answered = Result<Answer, HttpRefusal>

/** A value as JSON. */
export const json = (value: unknown, status = 200): Answered => ok({ status, json: value })

/** A page of a list. */
export const page = ({ items, next }: Listed<unknown>): Answered => ok({ status: 200, list: { items, next } })

/** What a use case gave as JSON, or its refusal. */
export function jsonOf(result: Result<unknown, HttpRefusal>, status = 200): Answered {
  return result.ok ? json(result.value, status) : result
}

/** Nothing, or the refusal. */
export function nothingOf(result: Result<unknown, HttpRefusal>): Answered {
  return result.ok ? ok({ status: 204 }) : result
}
