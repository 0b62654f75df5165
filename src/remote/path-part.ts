/** A UUID, or 128 bits in hexadecimal: nothing that leads elsewhere. */
const shape = /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32})$/

/** Whether an id can be a part of a path. */
export const isPathPart = (id: unknown): id is string => typeof id === 'string' && shape.test(id)

/**
 * An id that becomes a part of a path. Throws where it is not one: whoever took it from outside has not
 * looked at it.
 */
export function pathPart(id: string): string {
  if (!isPathPart(id))
    throw new Error(`${JSON.stringify(String(id).slice(0, 80))} is not an id, so it names no file`)
  return id
}
