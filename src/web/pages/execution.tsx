/* One execution: how it goes or went, the attempts of its run, and its log. */
import { useRef } from 'preact/hooks'
import { useLocation, useRoute } from 'preact-iso/router'
import type { Execution as Facts, ListedExecution } from '../../protocol/messages/executions.ts'
import { type Part, useLive, usePage } from '../context.ts'
import { now } from '../live/now.ts'
import { LogView } from '../log/log-view.tsx'
import { executionPath } from '../paths.ts'
import { ConfirmButton } from '../ui/form.tsx'
import { Empty, Table } from '../ui/items.tsx'
import { Loaded, Onward, Page, Problem, Section, State } from '../ui/show.tsx'
import { Attempts } from './attempts.tsx'
import { ExecutionFacts } from './execution-facts.tsx'
import { isOver } from './spans.ts'
import { whySentence } from './why.ts'

/** All but the end of the log, which the log view reads. */
const fields = [
  'job_name,namespace,group,attempt,kind,image,image_digest,state,created_at,scheduled_for,catch_up',
  'started_at,finished_at,phases,resources,usual_seconds,node_name,runner_id,runner_group,priority',
  'exit_code,reason,error_message,output_properties,reporting_records,comments,status_line',
  'waiting_because,log,problem',
].join(',')

export function Execution() {
  const { id = '' } = useRoute().params
  const call = `/v1/executions?id_prefix=${encodeURIComponent(id)}&limit=1&fields=${fields}`
  const shown = useLive<Part<ListedExecution>>(call, ['execution'], { fits: changed => changed === id })
  return (
    <Loaded of={shown}>
      {({ items: [execution] }) =>
        execution === undefined ? (
          <Page title="No such execution">
            <Empty text={`There is no execution ${id} that you may see. Old ones are removed.`}>
              <Onward to="/executions">Show all executions.</Onward>
            </Empty>
          </Page>
        ) : (
          <Shown key={id} execution={execution} refresh={shown.refresh} />
        )
      }
    </Loaded>
  )
}

function Shown({ execution, refresh }: { execution: ListedExecution; refresh(): void }) {
  const { id, job_name, image, group, problem, status_line, comments, log } = execution
  const known = useRef<readonly string[]>([id])
  const call = `/v1/executions?group=${encodeURIComponent(group)}&limit=200&fields=${fields}`
  const fits = (changed: string) => known.current.includes(changed)
  const attempts = useLive<Part<ListedExecution>>(call, ['execution'], { fits })
  if (attempts.data !== undefined) known.current = attempts.data.items.map(item => item.id)
  const all = [execution, ...(attempts.data?.items.filter(item => item.id !== id) ?? [])]
  const at = all.every(isOver) ? 0 : now.value
  const { query } = useLocation()
  const place = /^\d{1,15}$/.test(query.at ?? '') ? Number(query.at) : undefined
  return (
    <Page
      title={`${job_name ?? image} · ${id.slice(0, 8)}`}
      beside={<Actions execution={execution} refresh={refresh} />}
    >
      <p class="outcome">
        <State of={execution.state} /> {whySentence(execution)}
      </p>
      <Problem why={problem} />
      {status_line !== null && <p class="status-line">{status_line}</p>}
      <ExecutionFacts execution={execution} now={at} />
      {comments.length > 0 && (
        <Section title="Comments">
          <ul>
            {comments.map(comment => (
              <li key={comment}>{comment}</li>
            ))}
          </ul>
        </Section>
      )}
      <h2>{all.length === 1 ? 'Phases' : `${all.length} attempts`}</h2>
      <Attempts of={all} current={id} now={at} />
      <Outputs of={execution} />
      <h2 id="log">Log</h2>
      <LogView key={id} id={id} isGrowing={!isOver(execution)} length={log.length} at={place} />
    </Page>
  )
}

/** The values that a plugin has set for the tasks after it. */
function Outputs({ of: { output_properties, reporting_records = [] } }: { of: ListedExecution }) {
  const outputs = Object.entries(output_properties ?? {})
  return (
    <>
      {outputs.length > 0 && (
        <Section title="Outputs">
          <Table
            of={outputs}
            keyOf={([name]) => name}
            names="Name"
            columns={{
              Name: ([name]) => name,
              Value: ([, value]) => <code>{typeof value === 'string' ? value : JSON.stringify(value)}</code>,
            }}
          />
        </Section>
      )}
      {reporting_records.length > 0 && (
        <details>
          <summary>Reporting records ({reporting_records.length})</summary>
          <pre>{JSON.stringify(reporting_records, null, 2)}</pre>
        </details>
      )}
    </>
  )
}

/** The actions that an operator may take. */
function Actions({ execution, refresh }: { execution: ListedExecution; refresh(): void }) {
  const { server, notices } = usePage()
  const { route } = useLocation()
  const { id, node_name, job_name, image } = execution
  const name = job_name ?? image
  const call = (word: string) =>
    server.json<Facts>('POST', `/v1/executions/${encodeURIComponent(id)}/${word}`)
  const rerun = async () => route(executionPath(await call('rerun')))
  if (isOver(execution))
    return (
      <ConfirmButton
        label="Run again"
        question={`Run ${name} again, as it was defined then, even where the job has changed since?`}
        does={() => notices.of(rerun(), 'It runs again: this is the new execution.')}
      />
    )
  const what = node_name === null ? 'It has not begun, and never will' : `${node_name} ends its program`
  return (
    <ConfirmButton
      label="Abort"
      danger
      question={`Abort ${name}? ${what}; no further attempt follows.`}
      does={() => notices.of(call('abort').finally(refresh), 'It is being aborted.')}
    />
  )
}
