import t from 'tap'
import { SharedAnswers } from '../../../src/server/http/shared-answers.ts'

t.test('what is asked for in one turn is made once, after all have asked', async t => {
  const answers = new SharedAnswers<number>()
  let made = 0
  const make = async () => ++made
  const first = [answers.get('one', make), answers.get('one', make)]
  const other = answers.get('other', async () => 100)
  t.equal(made, 0, 'nothing is made while others may still ask')
  t.strictSame(await Promise.all([...first, other]), [1, 1, 100])
})

t.test('who asks when an answer has begun gets the next one: the first may not know of a commit', async t => {
  const answers = new SharedAnswers<string>()
  const begun = Promise.withResolvers<void>()
  const made = Promise.withResolvers<string>()
  const first = answers.get('one', () => {
    begun.resolve()
    return made.promise
  })
  await begun.promise
  const second = answers.get('one', async () => 'new')
  made.resolve('old')
  t.strictSame(await Promise.all([first, second]), ['old', 'new'])
})

t.test('a failure is one for all who have asked, and for nobody after them', async t => {
  const answers = new SharedAnswers<string>()
  const fail = async () => {
    throw new Error('the store is gone')
  }
  const failed = await Promise.allSettled([answers.get('one', fail), answers.get('one', fail)])
  t.strictSame(
    failed.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  t.equal(await answers.get('one', async () => 'back'), 'back')
})
