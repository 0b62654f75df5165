import fc from 'fast-check'
import t from 'tap'
import { tasksToStart, type Waiting } from '../../src/chain/may-start.ts'

/** A chain in which each task depends on earlier ones, and how far it is. */
const anywhere = fc
  .array(
    fc.record({
      order: fc.constantFrom('name' as const, 'free' as const, 'free' as const),
      exclusive: fc.boolean(),
      needs: fc.array(fc.nat(), { maxLength: 3 }),
      is: fc.constantFrom('done', 'under way', 'to come', 'to come'),
    }),
    { maxLength: 9 },
  )
  .chain(drawn => fc.record({ drawn: fc.constant(drawn), parallel: fc.integer({ min: 1, max: 4 }) }))
  .map(({ drawn, parallel }) => {
    const tasks = drawn.map(({ order, exclusive, needs }, at): Waiting => {
      const dependencies = at === 0 ? [] : [...new Set(needs.map(need => String(need % at)))]
      return { file: String(at), dependencies, settings: { order, exclusive } }
    })
    const filesThat = (state: string) =>
      new Set(tasks.flatMap(({ file }, at) => (drawn[at]!.is === state ? [file] : [])))
    return { tasks, parallel, done: filesThat('done'), underWay: filesThat('under way') }
  })

type Place = typeof anywhere extends fc.Arbitrary<infer T> ? T : never
const startOf = ({ tasks, parallel, done, underWay }: Place) =>
  tasksToStart(tasks, { done, underWay }, parallel)

function holds(title: string, check: (place: Place, start: Waiting[]) => boolean): void {
  t.test(title, async t => {
    fc.assert(
      fc.property(anywhere, place => check(place, startOf(place))),
      { numRuns: 3000 },
    )
    t.pass()
  })
}

holds(
  'only tasks start that are to come, each once, in the order of the chain',
  ({ tasks, ...place }, start) => {
    const places = start.map(task => tasks.indexOf(task))
    return (
      start.every(({ file }) => !place.done.has(file) && !place.underWay.has(file)) &&
      places.every((at, index) => index === 0 || at > places[index - 1]!)
    )
  },
)

holds('a task starts only when all that it depends on is done', ({ done }, start) =>
  start.every(({ dependencies }) => dependencies.every(file => done.has(file))),
)

holds('a task starts before one with an earlier place is done only if it is free', ({ tasks, done }, start) =>
  start.every(
    task =>
      task.settings.order === 'free' ||
      tasks.slice(0, tasks.indexOf(task)).every(({ file }) => done.has(file)),
  ),
)

holds('no more tasks are under way than there are places', ({ underWay, parallel }, start) => {
  return start.length === 0 || underWay.size + start.length <= parallel
})

holds('an exclusive task has nothing beside it', ({ tasks, underWay }, start) => {
  const all = [...tasks.filter(({ file }) => underWay.has(file)), ...start]
  return start.length === 0 || all.length === 1 || all.every(({ settings }) => !settings.exclusive)
})

holds('no task overtakes an exclusive one that could start if nothing were under way', (place, start) => {
  const { tasks, done, underWay } = place
  const waits = tasks.find(
    ({ file, settings, dependencies }, at) =>
      settings.exclusive &&
      !done.has(file) &&
      !underWay.has(file) &&
      dependencies.every(other => done.has(other)) &&
      (settings.order === 'free' || tasks.slice(0, at).every(other => done.has(other.file))),
  )
  return waits === undefined || start.every(task => tasks.indexOf(task) <= tasks.indexOf(waits))
})

holds('while nothing is under way and something is to come, something starts', (place, start) => {
  const { tasks, done, underWay } = place
  return underWay.size > 0 || tasks.every(({ file }) => done.has(file)) || start.length > 0
})

holds('with one place the first task that is not done starts, whatever the others say', (place, start) => {
  const first = place.tasks.find(({ file }) => !place.done.has(file))
  if (place.parallel > 1 || place.underWay.size > 0) return true
  return start[0] === first && start.length === (first === undefined ? 0 : 1)
})
