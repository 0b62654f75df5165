/* Turns of the event loop, to look at a program between any two of them. */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

/** More turns of the queue of microtasks than any end of a round takes. */
export const longest = 30

/** An answer of a server that nobody gets. */
export const response = () => new ServerResponse(new IncomingMessage(new Socket()))

export async function hop(times: number): Promise<void> {
  for (let hops = 0; hops < times; hops++) await Promise.resolve()
}

/** Resolves when the queue of microtasks is empty. */
export const allDone = () => new Promise(setImmediate)
