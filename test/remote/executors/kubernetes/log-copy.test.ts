import { readFileSync } from 'node:fs'
import t from 'tap'
import { systemClock } from '../../../../src/edges.ts'
import { JobRecords } from '../../../../src/remote/executors/kubernetes/kept.ts'
import {
  copyLog,
  gapText,
  type LogCopyOptions,
} from '../../../../src/remote/executors/kubernetes/log-copy.ts'
import { fail, ok } from '../../../../src/result.ts'
import { Notifier } from '../../../../src/system/wait.ts'

/** One answer to a call for a log: its pieces; `breaks`: the connection breaks after them. */
interface Answer {
  pieces?: string[]
  breaks?: boolean
  /** Is called when the pieces were read. */
  onRead?(): void
}

/** Copies the log of a pod that answers calls in this order; gives what was copied. */
async function copied(directory: string, answers: Answer[], facts: Partial<LogCopyOptions> = {}) {
  const records = new JobRecords(directory)
  records.make()
  const follows: boolean[] = []
  const api: LogCopyOptions['api'] = {
    async log(_pod, follow) {
      follows.push(follow)
      const answer = answers.shift()
      if (answer === undefined)
        return fail({ reason: 'not-found', message: 'the pod is gone', retry: 'never' } as const)
      return ok(piecesOf(answer))
    },
  }
  const whole = await copyLog({
    api,
    pod: 'runner-1',
    records,
    clock: { ...systemClock, sleep: async () => {} },
    hasEnded: () => true,
    containerId: () => '8bb7987c5deeb177',
    isGoing: () => false,
    isGone: () => false,
    changed: new Notifier(),
    onGrown: () => {},
    signal: new AbortController().signal,
    ...facts,
  })
  return { whole, follows, log: readFileSync(records.log, 'utf8') }
}

async function* piecesOf({ pieces = [], breaks, onRead }: Answer): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield Buffer.from(piece)
  onRead?.()
  if (breaks === true) throw new Error('the connection broke')
}

t.test('a log is followed to the end of its job, and read once more after that', async t => {
  let ended = false
  const end = () => {
    ended = true
  }
  const answers = [{ pieces: ['one\n', 'two\n'], onRead: end }, { pieces: ['one\ntwo\nthree\n'] }]
  const { whole, follows, log } = await copied(t.testdir(), answers, { hasEnded: () => ended })
  t.equal(whole, true)
  t.same(follows, [true, false])
  t.equal(log, 'one\ntwo\nthree\n')
})

t.test('a connection that breaks costs nothing, wherever it breaks', async t => {
  const text = 'first line\nsecond line\nlast line'
  for (let at = 0; at <= text.length; at++) {
    const answers = [
      { pieces: [text.slice(0, at)], breaks: true },
      { pieces: [text.slice(0, 5), text.slice(5)] },
    ]
    const { log } = await copied(t.testdir({ [`${at}`]: {} }), answers)
    t.equal(log, text, `after ${at} bytes`)
  }
})

t.test('the next process goes on where this one was', async t => {
  const directory = t.testdir()
  await copied(directory, [{ pieces: ['one\n'] }])
  const { log } = await copied(directory, [{ pieces: ['one\nt', 'wo\n'] }])
  t.equal(log, 'one\ntwo\n')
})

t.test('what the node has thrown away is said, once, and the rest follows', async t => {
  const directory = t.testdir()
  const first = await copied(directory, [{ pieces: ['one\n'], breaks: true }, { pieces: ['three\n'] }])
  t.equal(first.log, `one\n${gapText}three\n`)
  const next = await copied(directory, [{ pieces: ['three\nfour\n'] }])
  t.equal(next.log, `one\n${gapText}three\nfour\n`)
})

t.test('of a pod that is gone the log ends with what was read, and says where it broke off', async t => {
  const gone = { isGone: () => true }
  const done = await copied(t.testdir(), [{ pieces: ['one\n'] }], { hasEnded: () => false, ...gone })
  t.equal(done.log, 'one\n')
  let isGone = false
  const remove = () => {
    isGone = true
  }
  const breaks = { pieces: ['one\n'], breaks: true, onRead: remove }
  const cut = await copied(t.testdir(), [breaks], { hasEnded: () => false, isGone: () => isGone })
  t.match(cut.log, /^one\n\n\[runner: the rest of this log cannot be read: the connection broke\]\n$/)
})

t.test('a node that has the log no more says so in its place, and that is no log', async t => {
  const refusal = 'rpc error: code = Unknown desc = Error: No such container: 8bb7987c5deeb177'
  let isGone = false
  const remove = () => {
    isGone = true
  }
  const answers = [
    { pieces: ['one\n'] },
    { pieces: [refusal.slice(0, 30), refusal.slice(30)], onRead: remove },
  ]
  const { log } = await copied(t.testdir(), answers, { hasEnded: () => false, isGone: () => isGone })
  t.equal(log, 'one\n')
  const behind = { pieces: ['one\n', `two\n${refusal.slice(0, 9)}`, refusal.slice(9), '\n'], onRead: remove }
  const last = await copied(t.testdir(), [behind], { hasEnded: () => false, isGone: () => isGone })
  t.equal(last.log, 'one\ntwo\n', 'behind a log')
  const other = 'rpc error: code = Unknown desc = Error: No such container: another\n'
  t.equal((await copied(t.testdir(), [{ pieces: [other] }])).log, other, 'what a job says of another one')
  const long = `${refusal}\n${'x'.repeat(2000)}`
  const own = await copied(t.testdir(), [{ pieces: [long.slice(0, 40), long.slice(40)] }])
  t.equal(own.log, long, 'a job may say the same')
})

t.test('the log of a pod that is being removed is not asked for again', async t => {
  let ended = false
  const end = () => {
    ended = true
  }
  const { follows, log } = await copied(t.testdir(), [{ pieces: ['one\n'], onRead: end }], {
    hasEnded: () => ended,
    isGoing: () => ended,
  })
  t.same(follows, [true])
  t.equal(log, 'one\n')
})
