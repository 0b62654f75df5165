import t from 'tap'
import { executorConformance } from '../conformance.ts'
import { withHost } from './host-subject.ts'

t.setTimeout(540_000)

await executorConformance(t, 'host', withHost)
