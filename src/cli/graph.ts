import { formatDiagnostic } from '../config/diagnostic.ts'
import { exitStatus } from '../exit-status.ts'
import { jsonText } from '../process/printable.ts'
import { graphMermaid, graphText } from '../report/graph.ts'
import { type ChainOptions, hasErrors, loadChain } from './load-chain.ts'
import { print, sayError } from './say.ts'

export interface GraphCommandOptions extends ChainOptions {
  mermaid: boolean
  json: boolean
}

/** `runner graph`: the order of the chain and what depends on what. */
export function graphCommand(options: GraphCommandOptions, env: NodeJS.ProcessEnv): number {
  const { loaded, findings } = loadChain(options, env)
  for (const finding of findings) if (finding.severity === 'error') sayError(`${formatDiagnostic(finding)}\n`)
  if (loaded === undefined) return exitStatus.config
  const { tasks } = loaded.chain
  const facts = tasks.map(({ file, name, dependencies }) => ({ task: file, name, depends_on: dependencies }))
  const asJson = () => `${jsonText({ task_dir: loaded.chain.directory, tasks: facts })}\n`
  print(options.json ? asJson() : options.mermaid ? graphMermaid(tasks) : graphText(tasks))
  return hasErrors(findings) ? exitStatus.config : exitStatus.ok
}
