/*
 * The tiers of tests. `npm test` is the plain tier: it uses no component that a bare machine lacks, and tries
 * a part of the random cases. `npm run test:real` sets RUNNER_TEST_FULL=1, and runs a file of the plain tier
 * again if that file asks for `isFull` or `runs`, for the further cases: more of them, and PostgreSQL
 * (scripts/test.ts has the exception). A larger number multiplies the cases. Files of test/real and test/cluster
 * are always run in full.
 */
const isReal = /\/test\/(?:real|cluster)\//.test(process.argv[1] ?? '')
const times = Number(process.env.RUNNER_TEST_FULL || (isReal ? 1 : 0))

/** Whether components that a bare machine lacks are used. */
export const isFull: boolean = times > 0

/** Whether the plain tier has run this file, and the real one runs it for what it does there beyond that. */
export const isAgain: boolean = isFull && !isReal

/** The number of repetitions: `count` in the real tier, a tenth of it, rounded up, in the plain one. */
export function runs(count: number): number {
  return Math.ceil(count * (isFull ? times : 0.1))
}

/**
 * The number of repetitions of a test that the real tier does not repeat otherwise: `count` in each tier, and
 * more in a soak.
 */
export function tries(count: number): number {
  return Math.ceil(count * Math.max(1, times))
}
