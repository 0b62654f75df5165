/* The dashboard for Grafana: it is what Grafana's own types describe, and no panel hides another one. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import t from 'tap'
import type { DashboardPanel } from '../support/monitoring.ts'

const text = readFileSync('deploy/monitoring/dashboard.json', 'utf8')
const { panels, templating } = JSON.parse(text) as {
  panels: DashboardPanel[]
  templating: { list: { name: string; type: string; query: string }[] }
}

/** The dashboard as a module of TypeScript; the options of each panel are those of the plugin that draws it. */
const module = `
import type { Dashboard, Panel, RowPanel } from '@grafana/schema'
import type { Options as Stat } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen'
import type { Options as Table } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen'
import type { Options as Series } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen'

// JSON has the texts of enums, and leaves out what has a default.
type Json<T> = T extends string ? \`\${T}\` : T extends object ? { [K in keyof T]?: Json<T[K]> } : T
type Drawn<Type, Options> = Omit<Panel, 'options' | 'type'> & { type: Type; options?: Json<Options> }
type Known = RowPanel | Drawn<'stat', Stat> | Drawn<'table', Table> | Drawn<'timeseries', Series>

export const dashboard: Omit<Dashboard, 'panels'> & { panels: Known[] } = `

t.test('it has the types of Grafana, and the options that its panels know', async t => {
  const other = text
    .replace('"colorMode": "value"', '"colourMode": "value"')
    .replace('"displayMode": "list"', '"displayMode": "lists"')
    .replace('"h": 8', '"h": "8"')
  const dir = t.testdir({ 'dashboard.ts': module + text, 'other.ts': module + other })
  const strict = ['--ignoreConfig', '--noEmit', '--strict', '--skipLibCheck', '--target', 'es2023']
  const check = (name: string) =>
    execa(
      process.execPath,
      [resolve('node_modules/.bin/tsc'), ...strict, '--module', 'nodenext', join(dir, name)],
      { reject: false, all: true },
    )
  const [own, wrong] = await Promise.all(['dashboard.ts', 'other.ts'].map(check))
  t.equal(own!.all, '')
  const said = wrong!.all!.split('\n').filter(line => /error TS/.test(line))
  t.match(said, [/string.*number/, /colourMode/, /lists/], 'each mistake is found')
})

t.test('each panel asks what it shows, of the Prometheus that was chosen', async t => {
  t.match(templating.list, [{ name: 'datasource', type: 'datasource', query: 'prometheus' }])
  const datasource = { type: 'prometheus', uid: `\${datasource}` }
  t.same(
    panels.map(({ id }) => id),
    panels.map((_, index) => index + 1),
    'each has an id of its own',
  )
  for (const { title, type, targets = [], datasource: own } of panels) {
    if (type === 'row') continue
    t.same(own, datasource, title)
    t.ok(targets.length > 0, `${title} shows something`)
    t.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title)
    for (const target of targets) t.match(target, { datasource, expr: /\brunner_|\bup\b/ }, title)
  }
})

t.test('no panel is over another one, each is in the row above it, and rows have no holes', async t => {
  /** By its place: the panel that covers it. */
  const covered = new Map<string, string>()
  let bottom = 0
  for (const { title, type, gridPos } of panels) {
    const { x, y, w, h } = gridPos
    if (type === 'row') {
      t.same(gridPos, { h: 1, w: 24, x: 0, y: bottom }, `the row ${title} begins where the one before ends`)
      t.equal(covered.size, 24 * bottom, `no hole is above ${title}`)
    }
    t.ok(x >= 0 && w > 0 && x + w <= 24, `${title} is as wide as there is room`)
    for (let column = x; column < x + w; column++)
      for (let line = y; line < y + h; line++) {
        const place = `${column} ${line}`
        if (covered.has(place)) t.fail(`${title} is over ${covered.get(place)}`)
        covered.set(place, title)
      }
    bottom = Math.max(bottom, y + h)
  }
  t.equal(covered.size, 24 * bottom, 'no hole is in the last one')
})
