/* The jobs with which pages are shown: they have run, run, wait or come. */
import type { TestRunner, TestServer } from './server.ts'

/** Puts jobs and schedules, and runs some; one run goes on, and one waits for a group without a runner. */
export async function stageJobs(server: TestServer): Promise<TestRunner> {
  const put = (name: string, body: object) =>
    server.call('PUT', `/v1/jobs/${name}`, { body: { image: 'busybox:1.36', ...body } })
  await put('backup', { schedule: { cron: '30 2 * * *', time_zone: 'Europe/Berlin' } })
  await put('report', { schedule: { every: { seconds: 86_400 } } })
  await put('poll', { schedule: { every: { seconds: 300, anchor: '2026-01-01T00:00:00Z' } } })
  await put('nightly', { runner_group: 'nobody' })
  await put('by-hand', {})
  const runner = await server.runner({ name: 'one' })
  for (const failure of [null, 'exit-status', null, null, 'exit-status', null]) {
    await server.call('POST', '/v1/jobs/by-hand/run')
    const taken = await runner.begin()
    await runner.result(taken, failure === null ? {} : { outcome: 'failed', exit_code: 1, reason: failure })
    runner.holds.delete(taken.execution_id)
  }
  await server.call('POST', '/v1/jobs/by-hand/run')
  await runner.begin()
  await server.call('POST', '/v1/jobs/nightly/run')
  return runner
}
