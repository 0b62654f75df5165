/* Responses of handlers, from the results of use cases. */
import { ok, type Result } from '../../../result.ts'
import type { Refusal } from '../../rules/refusal.ts'

/** A value as JSON, or the refusal. */
export function jsonOf<T>(result: Result<T, Refusal>): Result<{ status: 200; json: T }, Refusal> {
  return result.ok ? ok({ status: 200, json: result.value }) : result
}

/** The same for a call that has made something. */
export function createdOf<T>(result: Result<T, Refusal>): Result<{ status: 201; json: T }, Refusal> {
  return result.ok ? ok({ status: 201, json: result.value }) : result
}

/** An answer without a body, or the refusal. */
export function nothingOf(result: Result<unknown, Refusal>): Result<{ status: 204 }, Refusal> {
  return result.ok ? ok({ status: 204 }) : result
}

/** A list, whose items may be made while it is sent. */
export const listOf = <L>(list: L): Result<{ status: 200; list: L }, never> => ok({ status: 200, list })
