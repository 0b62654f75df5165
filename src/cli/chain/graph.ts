import { exitStatus } from '../../exit-status.ts'
import { graphMermaid, graphText } from '../../report/records/graph.ts'
import { print } from '../../report/say.ts'
import { defined } from '../../result.ts'
import { jsonText } from '../../system/printable.ts'
import { sayFindings } from '../config.ts'
import { defineCommand, type NewCommand, type OptionsOf } from '../define-command.ts'
import { parsePath } from '../options.ts'
import { hasErrors, loadChain } from './load-chain.ts'

const options = (command: NewCommand) =>
  command
    .argument('[taskdir]', '', parsePath)
    .option('--mermaid', 'as a Mermaid flow chart', false)
    .option('--json', 'print one JSON object', false)

type Options = OptionsOf<typeof options>

/** Prints the order of the chain and the dependencies between its tasks. */
function graph(options: Options, directory: string | undefined, env: NodeJS.ProcessEnv): number {
  const { loaded, findings } = loadChain(options, directory, env)
  sayFindings(findings.filter(({ severity }) => severity === 'error'))
  if (loaded === undefined) return exitStatus.config
  const { tasks } = loaded.chain
  const facts = tasks.map(({ file, name, dependencies, settings: { order, exclusive } }) => ({
    task: file,
    name,
    depends_on: dependencies,
    ...defined({
      order: order === 'free' ? order : undefined,
      exclusive: exclusive || undefined,
    }),
  }))
  const asJson = () => `${jsonText({ task_dir: loaded.chain.directory, tasks: facts })}\n`
  print(options.json ? asJson() : options.mermaid ? graphMermaid(tasks) : graphText(tasks))
  return hasErrors(findings) ? exitStatus.config : exitStatus.ok
}

export const command = defineCommand({
  description: 'show the order of the chain, and the dependencies of its tasks',
  options,
  examples: ['runner graph', 'runner graph --mermaid > chain.mmd'],
  action: (options, [directory], env) => graph(options, directory, env),
})
