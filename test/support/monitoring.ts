/* The queries of deploy/monitoring. */
import { readFileSync } from 'node:fs'

const files = ['deploy/monitoring/alerts.yml', 'deploy/monitoring/dashboard.json']

/** The endings that a histogram adds to its name. */
const parts = /_(?:bucket|sum|count)$/

/** The programs that tell a metric, by the beginning of its name. */
const tellers = {
  server: /^runner_server_/,
  chain: /^runner_(?:task|runs|last_run)_/,
  node: /^runner_(?!server_|task_|runs_|last_run_)/,
}

/**
 * The metrics in the expressions of the alert rules and of the dashboard which a server, an attached runner or a chain
 * tells, without the parts of histograms.
 */
export function metricsUsed(by: keyof typeof tellers): string[] {
  // `runner_group` is a label.
  const names = files.flatMap(file => readFileSync(file, 'utf8').match(/\brunner_[a-z_]+\b/g) ?? [])
  const metrics = names.filter(name => name !== 'runner_group').map(name => name.replace(parts, ''))
  return [...new Set(metrics)].filter(name => tellers[by].test(name)).toSorted()
}

/** A panel of the dashboard, as far as tests look at it. */
export interface DashboardPanel {
  id: number
  title: string
  type: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: object
  targets?: { refId: string; expr: string; legendFormat: string; datasource: object }[]
}

/** All that the dashboard asks for: the expression, its title, and the labels that its legend shows. */
export function dashboardQueries(): { title: string; expr: string; labels: string[] }[] {
  const { panels } = JSON.parse(readFileSync('deploy/monitoring/dashboard.json', 'utf8')) as {
    panels: DashboardPanel[]
  }
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({
      title,
      expr,
      labels: Array.from(legendFormat.matchAll(/\{\{(\w+)\}\}/g), ([, label]) => label!),
    })),
  )
}

/** Those of the names that a text in Prometheus' format has no samples of; `runner_…_total{…} 1` is a sample. */
export function withoutSamples(names: readonly string[], text: string): string[] {
  const told = new Set(text.match(/^[a-z_]+/gm)?.map(name => name.replace(parts, '')))
  return names.filter(name => !told.has(name))
}
