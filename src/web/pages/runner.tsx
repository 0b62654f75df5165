/* One runner: its facts, its executions, and the actions of an operator. */
import { useRoute } from 'preact-iso/router'
import type { Runner as RunnerFacts } from '../../protocol/messages/runners.ts'
import type { Availability } from '../../protocol/messages/stats.ts'
import { useLive } from '../context.ts'
import { shareText } from '../jobs.ts'
import { localTime } from '../texts.ts'
import { StateAndWhy } from '../ui/runner-state.tsx'
import { Facts, Loaded, Onward, Page, Time } from '../ui/show.tsx'
import { ListedRows, Running, stateRunning } from './overview.tsx'
import { Actions } from './runner-actions.tsx'

export function Runner() {
  const { id = '' } = useRoute().params
  const path = `/v1/runners/${encodeURIComponent(id)}`
  const shown = useLive<RunnerFacts>(path, ['runner'], { fits: changed => changed === id })
  return (
    <Page title={shown.data === undefined ? 'Runner' : `Runner ${shown.data.name}`}>
      <Loaded of={shown}>
        {runner => (
          <>
            <Actions runner={runner} path={path} refresh={shown.refresh} />
            <StateAndWhy of={runner} />
            <Facts of={factsOf(runner)} />
            <h2>Connected in the last 24 hours</h2>
            <Connected path={path} />
            <ListedRows
              title="Runs now"
              query={`${stateRunning}&runner_id=${id}`}
              none="Nothing."
              row={Running}
            />
            <Onward to={`/executions?runner_id=${id}`}>All executions of this runner</Onward>
          </>
        )}
      </Loaded>
    </Page>
  )
}

function factsOf({ host = {}, ...runner }: RunnerFacts) {
  const metadata = Object.entries(runner.metadata).map(([name, value]) => `${name}=${value}`)
  return {
    Group: runner.runner_group,
    Busy: `${runner.running.length} of ${runner.capacity} slots`,
    Capabilities: runner.capabilities.join(', '),
    Taints: runner.taints.join(', '),
    Metadata: metadata.join(', '),
    Version: runner.version,
    Host: [host.os, host.os_version, host.architecture, host.kernel].filter(Boolean).join(', '),
    Clock: clockText(runner.clock_difference_seconds),
    Executors: runner.executors.map(({ image, state }) => `${image} (${state})`).join(', '),
    Registered: <Time at={runner.created_at} />,
    'Last heartbeat': <Time at={runner.last_heartbeat_at} />,
    'Token expires': runner.credentials_expire_at ? <Time at={runner.credentials_expire_at} /> : 'never',
  }
}

function clockText(seconds: number | null): string {
  if (seconds === null) return 'not known'
  if (Math.abs(seconds) < 1) return 'right, to a second'
  return `${Math.abs(seconds).toFixed(1)} s ${seconds > 0 ? 'ahead of' : 'behind'} the server's`
}

/** A strip of the last 24 hours. */
function Connected({ path }: { path: string }) {
  const shown = useLive<Availability>(`${path}/availability`, [])
  return (
    <Loaded of={shown}>
      {({ available, items }) => (
        <>
          <p>
            {available === null ? 'Not known.' : `${shareText(available)} of the time that the server ran.`}
          </p>
          <div class="strip" aria-hidden="true">
            {items.map(({ at, available: share }) => (
              <span key={at} class={shareClass(share)} title={localTime(at)} />
            ))}
          </div>
        </>
      )}
    </Loaded>
  )
}

const shareClass = (share: number | null) =>
  share === null ? 'unknown' : share >= 0.99 ? 'good' : share > 0 ? 'partly' : 'bad'
