import fc from 'fast-check'
import t from 'tap'
import type { Task } from '../../src/chain/discover.ts'
import { orderTasks } from '../../src/chain/order.ts'

type Dependencies = Map<string, string[]>

/** The order of names that `discover` gives. */
function compareBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}

function tasksOf(files: readonly string[]): Task[] {
  return files.toSorted(compareBytes).map(file => ({ file, name: file, alias: file, path: `/${file}` }))
}

/** File names, and dependencies among them of any kind. */
const anything = fc
  .uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 })
  .chain(files => {
    const lists = fc.tuple(...files.map(() => fc.uniqueArray(fc.constantFrom(...files), { maxLength: 3 })))
    return lists.map(lists => ({
      tasks: tasksOf(files),
      dependencies: new Map(files.map((file, at) => [file, lists[at]!])),
    }))
  })

/** The same, but each depends only on those before it in some order, so that there is no circle. */
const withoutCircle = anything.chain(({ tasks, dependencies }) =>
  fc.shuffledSubarray(tasks, { minLength: tasks.length }).map(shuffled => {
    const place = new Map(shuffled.map((task, at) => [task.file, at]))
    const earlier = ([file, files]: [string, string[]]) =>
      [file, files.filter(other => place.get(other)! < place.get(file)!)] as const
    return { tasks, dependencies: new Map([...dependencies].map(earlier)) }
  }),
)

function orderOf(tasks: readonly Task[], dependencies: Dependencies): string[] {
  const order = orderTasks(tasks, dependencies)
  if (!order.ok) throw new Error(`a circle: ${order.failure.path}`)
  return order.value.map(task => task.file)
}

t.test('every dependency comes before what depends on it, and no task is lost', async t => {
  fc.assert(
    fc.property(withoutCircle, ({ tasks, dependencies }) => {
      const order = orderOf(tasks, dependencies)
      const kept = new Set(order).size === tasks.length && order.length === tasks.length
      return (
        kept && order.every((file, at) => dependencies.get(file)!.every(other => order.indexOf(other) < at))
      )
    }),
  )
  t.pass()
})

t.test('next comes always the first by its bytes of those that are ready', async t => {
  fc.assert(
    fc.property(withoutCircle, ({ tasks, dependencies }) => {
      const order = orderOf(tasks, dependencies)
      return order.every((file, at) => {
        const done = order.slice(0, at)
        const ready = order
          .slice(at)
          .filter(other => dependencies.get(other)!.every(one => done.includes(one)))
        return ready.sort(compareBytes)[0] === file
      })
    }),
  )
  t.pass()
})

t.test('where the order of names satisfies all dependencies nothing is moved', async t => {
  fc.assert(
    fc.property(anything, ({ tasks, dependencies }) => {
      const files = tasks.map(task => task.file)
      const earlier = ([file, all]: [string, string[]]) =>
        [file, all.filter(other => files.indexOf(other) < files.indexOf(file))] as const
      const order = orderOf(tasks, new Map([...dependencies].map(earlier)))
      return order.every((file, at) => file === files[at])
    }),
  )
  t.pass()
})

t.test(
  'a circle is shown as a path that goes round once, and is found exactly where there is one',
  async t => {
    fc.assert(
      fc.property(anything, ({ tasks, dependencies }) => {
        const order = orderTasks(tasks, dependencies)
        if (order.ok) return true
        const { path } = order.failure
        const steps = path.slice(1).every((file, at) => dependencies.get(path[at]!)!.includes(file))
        return path.length > 1 && path[0] === path.at(-1) && steps && new Set(path).size === path.length - 1
      }),
      { numRuns: 500 },
    )
    const pair = new Map([
      ['a', ['b']],
      ['b', ['a']],
      ['c', ['a']],
    ])
    t.match(orderTasks(tasksOf(['a', 'b', 'c']), pair), { ok: false, failure: { path: ['a', 'b', 'a'] } })
  },
)
