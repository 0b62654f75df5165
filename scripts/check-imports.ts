/*
 * Holds the directions of imports (docs/architecture.md): each folder below src/ imports only from the folders that the
 * table gives it, and third-party packages only where the second table allows them. Both tables give only what is used. The
 * page imports only types of other folders. No files import one another in a circle, types included.
 */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'

/** The files directly below src/, which every folder may import; `system` imports only result and edges. */
const base = ['event', 'edges', 'result', 'exit-status', 'package-root']

/** Each folder, and the other folders that it may import. */
const folders: Record<string, readonly string[]> = {
  system: [],
  process: ['system'],
  config: ['config/ini', 'config/sections', 'system'],
  'config/ini': ['config'],
  'config/sections': ['config', 'system'],
  hooks: ['process'],
  journal: ['system'],
  chain: ['config', 'config/sections', 'hooks', 'journal', 'process', 'system'],

  schedule: ['config'],

  protocol: ['protocol/calls', 'protocol/messages'],
  'protocol/calls': ['protocol', 'protocol/messages'],
  'protocol/messages': ['protocol', 'system'],
  'protocol/mask': ['protocol', 'protocol/messages', 'system'],
  'protocol/client': ['protocol', 'protocol/messages', 'system'],

  store: ['store/postgres', 'store/sql', 'store/sqlite', 'protocol', 'protocol/messages', 'system'],
  'store/sql': ['store', 'protocol', 'protocol/messages', 'system'],
  'store/postgres': ['store'],
  'store/sqlite': ['store', 'system'],

  'server/rules': ['config', 'schedule', 'store', 'protocol', 'protocol/mask', 'protocol/messages', 'system'],
  'server/state': [
    'server/rules',
    'schedule',
    'store',
    'protocol',
    'protocol/mask',
    'protocol/messages',
    'system',
  ],
  'server/views': ['server/state', 'server/rules', 'store', 'protocol', 'protocol/mask', 'protocol/messages'],
  'server/runner-side': [
    'server/state',
    'server/rules',
    'store',
    'protocol',
    'protocol/mask',
    'protocol/messages',
  ],
  'server/operator-side': [
    'server/views',
    'server/state',
    'server/rules',
    'schedule',
    'store',
    'protocol',
    'protocol/mask',
    'protocol/messages',
  ],
  'server/upkeep': ['server/state', 'server/rules', 'schedule', 'store', 'protocol/messages', 'system'],
  'server/notify': [
    'server',
    'server/rules',
    'config',
    'config/sections',
    'store',
    'protocol/messages',
    'system',
  ],
  'server/wire': ['server/rules', 'protocol'],
  'server/browser': ['server/rules', 'config', 'store', 'protocol', 'protocol/messages', 'system'],
  'server/connections': [
    'server',
    'server/runner-side',
    'server/state',
    'server/rules',
    'server/wire',
    'store',
    'protocol/messages',
  ],
  'server/http': [
    'server',
    'server/browser',
    'server/connections',
    'server/notify',
    'server/rules',
    'server/wire',
    'store',
    'config/sections',
    'protocol',
    'system',
  ],
  'server/http/routes': [
    'server/browser',
    'server/http',
    'server/operator-side',
    'server/runner-side',
    'server/views',
    'server/state',
    'server/rules',
    'store',
    'protocol',
    'protocol/client',
    'protocol/messages',
  ],
  server: [
    'server/browser',
    'server/http',
    'server/http/routes',
    'server/connections',
    'server/notify',
    'server/upkeep',
    'server/state',
    'server/rules',
    'store',
    'config/sections',
    'protocol',
    'system',
  ],

  'remote/executors': [
    'remote/executors/docker',
    'remote/executors/host',
    'remote/executors/kubernetes',
    'config',
    'config/sections',
    'system',
  ],
  'remote/executors/fake': ['remote/executors', 'system'],
  'remote/executors/host': ['remote/executors', 'remote/executors/handover', 'remote', 'process', 'system'],
  'remote/executors/handover': ['remote/executors', 'remote', 'system'],
  'remote/executors/docker': [
    'remote/executors',
    'remote/executors/handover',
    'remote',
    'config',
    'config/sections',
    'system',
  ],
  'remote/executors/kubernetes': ['remote/executors', 'remote', 'config', 'config/sections', 'system'],
  'remote/pool': ['remote/executors', 'remote', 'system'],
  'remote/link': ['remote', 'protocol', 'protocol/client', 'protocol/messages', 'system'],
  'remote/job': [
    'remote/executors',
    'remote/link',
    'remote/pool',
    'remote',
    'config/sections',
    'protocol',
    'protocol/client',
    'protocol/mask',
    'protocol/messages',
    'system',
  ],
  'remote/loops': ['remote/job', 'remote/link', 'remote', 'protocol/client', 'protocol/messages', 'system'],
  'remote/tools': [
    'remote/executors',
    'remote/job',
    'remote/link',
    'config/sections',
    'protocol/client',
    'protocol/messages',
    'system',
  ],
  remote: [
    'remote/executors',
    'remote/job',
    'remote/link',
    'remote/loops',
    'remote/pool',
    'config/sections',
    'protocol/client',
    'protocol/messages',
    'system',
  ],

  report: ['protocol', 'protocol/messages', 'system'],
  'report/run': ['report', 'config', 'system'],
  'report/records': ['report', 'journal', 'process', 'system'],
  'report/attach': ['report', 'remote', 'remote/executors', 'remote/job', 'protocol', 'system'],

  cli: [
    'cli/chain',
    'cli/host',
    'cli/operator',
    'cli/server',
    'chain',
    'config',
    'config/sections',
    'report',
    'system',
  ],
  'cli/chain': [
    'cli',
    'cli/operator',
    'chain',
    'config',
    'config/ini',
    'config/sections',
    'journal',
    'process',
    'report',
    'report/records',
    'report/run',
    'system',
  ],
  'cli/host': [
    'cli',
    'cli/chain',
    'cli/operator',
    'config',
    'journal',
    'protocol',
    'protocol/client',
    'protocol/mask',
    'protocol/messages',
    'remote',
    'remote/executors',
    'remote/job',
    'remote/link',
    'remote/tools',
    'report',
    'report/attach',
    'system',
  ],
  'cli/operator': [
    'cli',
    'config',
    'protocol',
    'protocol/client',
    'protocol/mask',
    'protocol/messages',
    'report',
    'schedule',
    'system',
  ],
  'cli/server': [
    'cli',
    'cli/chain',
    'cli/host',
    'config',
    'config/sections',
    'journal',
    'protocol/client',
    'remote',
    'report',
    'server',
    'server/browser',
    'server/http',
    'server/upkeep',
    'store',
    'store/sqlite',
    'system',
  ],

  web: ['web/live', 'web/pages', 'web/ui', 'protocol/messages'],
  'web/log': ['web', 'web/ui', 'protocol/messages'],
  'web/live': ['web'],
  'web/ui': ['web', 'web/live', 'protocol/messages'],
  'web/pages': ['web', 'web/live', 'web/log', 'web/ui', 'protocol/messages'],
}

/** The folders in which a package may be imported, and below which. Everything else is Node's own. */
const packages: Record<string, readonly string[]> = {
  '@commander-js/extra-typings': ['cli'],
  '@fastify/multipart': ['server/http'],
  '@preact/signals': ['web'],
  ajv: ['config', 'protocol'],
  '@kubernetes/client-node/dist/config.js': ['remote/executors/kubernetes'],
  '@kubernetes/client-node/dist/exec.js': ['remote/executors/kubernetes'],
  anser: ['web'],
  chalk: ['report'],
  croner: ['schedule'],
  dockerode: ['remote/executors/docker'],
  'eventsource-parser': ['protocol/client', 'web/live'],
  execa: ['remote/executors/host', 'system'],
  fastify: ['server/http'],
  ini: ['system'],
  leven: ['config'],
  'openid-client': ['server/browser'],
  'nodemailer/lib/mime-node': ['server/notify'],
  'nodemailer/lib/smtp-connection': ['server/notify'],
  'p-retry': ['protocol/client'],
  preact: ['web'],
  'preact-iso/router': ['web'],
  'preact/hooks': ['web'],
  pg: ['store/postgres'],
  'prom-client': ['server'],
  shlex: ['config'],
  'string-width': ['report'],
  typebox: ['protocol'],
  undici: ['protocol/client', 'remote/executors/kubernetes', 'server/notify'],
  uplot: ['web'],
}

const problems: string[] = []
/** The permissions of the tables that some file uses: `system in server/http`. */
const used = new Set<string>()
/** Each file, and those that it imports. */
const imports = new Map<string, string[]>()

const folderOf = (file: string) => relative('src', dirname(file))
const isWeb = (folder: string) => folder === 'web' || folder.startsWith('web/')
const isBase = (file: string) => folderOf(file) === ''

for (const file of globSync('src/**/*.{ts,tsx}')) {
  const folder = folderOf(file)
  const [name] = file.slice('src/'.length).split('.ts')
  if (isBase(file) ? !base.includes(name!) : folders[folder] === undefined)
    problems.push(`${file}: ${folder || name} is not in the table of folders`)
  const targets: string[] = []
  const text = readFileSync(file, 'utf8')
  const typesEnd = new Set(
    [...text.matchAll(/^import type [\w$*{},\s]*? from '[^']+'/gm)].map(
      found => found.index + found[0].length,
    ),
  )
  for (const found of text.matchAll(/(?:from |import\(|import )'([^'\n]+)'/g)) {
    const [statement, target] = found
    if (target!.startsWith('node:') && !isWeb(folder)) continue
    if (!target!.startsWith('.')) {
      const above = packages[target!]?.find(one => folder === one || folder.startsWith(`${one}/`))
      if (above === undefined) problems.push(`${file}: may not import the package ${target}`)
      else used.add(`${target} in ${above}`)
      continue
    }
    const other = normalize(join(dirname(file), target!))
    targets.push(other)
    const to = folderOf(other)
    // The schemas would be a third of what the browser loads.
    const isCode = !typesEnd.has(found.index + statement.length)
    if (isWeb(folder) && !isWeb(to) && isCode)
      problems.push(`${file}: may import only types of ${target}: nothing but src/web runs in the browser`)
    used.add(`${to} in ${folder}`)
    const allowed = isBase(other)
      ? folder !== 'system' || /^src\/(result|edges)\.ts$/.test(other)
      : to === folder || folders[folder]?.includes(to)
    if (!allowed)
      problems.push(`${file}: may not import ${target}: the table does not give ${to} to ${folder || 'src'}`)
  }
  imports.set(file, targets)
}

for (const [folder, given] of Object.entries(folders))
  for (const to of given)
    if (!used.has(`${to} in ${folder}`))
      problems.push(`no file of ${folder} imports ${to}, which the table gives to it`)
for (const [name, given] of Object.entries(packages))
  for (const above of given)
    if (!used.has(`${name} in ${above}`))
      problems.push(`no file of ${above} imports the package ${name}, which the table gives to it`)

for (const circle of circlesIn(imports))
  problems.push(`these import one another in a circle: ${circle.join(', ')}`)

for (const problem of problems) console.error(problem)
console.log(
  problems.length === 0
    ? 'imports follow the table, and none go in a circle'
    : `${problems.length} problems with imports`,
)
process.exitCode = problems.length === 0 ? 0 : 1

/** The sets of files that reach one another (Tarjan's strongly connected components). */
function circlesIn(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const circles: string[][] = []
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const stack: string[] = []
  const visit = (file: string): number => {
    let low = order.size
    order.set(file, low)
    stack.push(file)
    for (const next of graph.get(file) ?? []) {
      if (!order.has(next)) low = Math.min(low, visit(next))
      else if (stack.includes(next)) low = Math.min(low, lowest.get(next) ?? order.get(next)!)
      lowest.set(file, low)
    }
    lowest.set(file, low)
    if (low === order.get(file)) {
      const circle = stack.splice(stack.indexOf(file))
      if (circle.length > 1) circles.push(circle)
    }
    return low
  }
  for (const file of graph.keys()) if (!order.has(file)) visit(file)
  return circles
}
