/*
 * Holds the one direction of imports (docs/architecture.md): a file imports from its own folder and from
 * folders further down only, and third-party packages only where the table allows them.
 */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** From the top down; folders on one line never import each other. */
const layers = [
  ['cli'],
  ['report'],
  ['chain', 'remote', 'server'],
  ['hooks', 'journal', 'protocol', 'config'],
  ['process'],
  ['event', 'edges', 'result', 'exit-status', 'package-root'],
]

/** Where packages may be imported. Everything else is Node's own. */
const packages: Record<string, string[]> = {
  '@fastify/multipart': ['server'],
  ajv: ['config', 'protocol'],
  chalk: ['report'],
  commander: ['cli'],
  dockerode: ['remote'],
  'eventsource-parser': ['protocol'],
  fastify: ['server'],
  leven: ['config'],
  'p-retry': ['protocol'],
  pg: ['server'],
  'prom-client': ['server'],
  shlex: ['config'],
  'string-width': ['report'],
  typebox: ['protocol'],
  undici: ['protocol'],
}

const layerOf = (room: string) => layers.findIndex(layer => layer.includes(room))
const problems: string[] = []

for (const file of globSync('src/**/*.ts')) {
  const room = file.split('/')[1]!.replace(/\.ts$/, '')
  if (layerOf(room) === -1) problems.push(`${file}: ${room} has no place in the layers`)
  const source = readFileSync(file, 'utf8')
  for (const [, target] of source.matchAll(/(?:from |import\()'([^'\n]+)'\)?$/gm)) {
    if (target!.startsWith('node:')) continue
    if (!target!.startsWith('.')) {
      if (!packages[target!]?.includes(room)) problems.push(`${file}: may not import the package ${target}`)
      continue
    }
    const other = normalize(join(dirname(file), target!))
      .split('/')[1]!
      .replace(/\.ts$/, '')
    if (other === room) continue
    const [from, to] = [layerOf(room), layerOf(other)]
    const bottom = from === layers.length - 1 && to === from
    if (to <= from && !bottom)
      problems.push(`${file}: may not import ${target}: ${room} is not above ${other}`)
  }
}

for (const problem of problems) console.error(problem)
console.log(
  problems.length === 0 ? 'imports run downwards only' : `${problems.length} imports run the wrong way`,
)
process.exitCode = problems.length === 0 ? 0 : 1
