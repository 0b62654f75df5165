import { resolve } from 'node:path'

/**
 * The folder that bin/ and package.json are in; this file is one level below it, as source and when built.
 */
export const packageRoot = resolve(import.meta.dirname, '..')
