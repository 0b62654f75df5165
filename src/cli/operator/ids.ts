import type { ClientFailure } from '../../protocol/client-failure.ts'
import { fail, type Result } from '../../result.ts'

const shape = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export const isId = (text: string): boolean => shape.test(text)

/** Makes a call about the thing of an id; what is no id is that of nothing, and the server is not asked. */
export async function callById<T>(
  what: 'execution' | 'token',
  id: string,
  call: () => Promise<Result<T, ClientFailure>>,
): Promise<Result<T, ClientFailure>> {
  if (isId(id)) return call()
  const list = what === 'execution' ? 'runner executions' : 'runner token list'
  return fail({
    reason: 'not-found',
    status: 404,
    message: `there is no ${what} ${id}; \`${list}\` has their ids`,
  })
}
