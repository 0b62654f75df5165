import type { DefinedCommand } from './define-command.ts'

export interface ListedCommand {
  /** Loads the file of the command: only when the command is asked for. */
  load(): Promise<{ command: DefinedCommand }>
  /**
   * The line about the command in the program's help: at most 27 characters, so that two fit side by side.
   */
  summary: string
  /** Names that earlier releases had for it; no help shows them. */
  aliases?: readonly string[]
  /** A command of an earlier release whose work others do now; no help shows it. */
  hidden?: true
}

/**
 * Every command by its first word. The program, its help, the words that are not a task directory in
 * build-runner's spelling, the bundles, the man pages and the completions come from this list.
 */
export const commands: Readonly<Record<string, ListedCommand>> = {
  run: { load: () => import('./chain/run.ts'), summary: 'run the chain of tasks' },
  check: { load: () => import('./chain/check.ts'), summary: 'find problems, run nothing' },
  list: { load: () => import('./chain/list.ts'), summary: 'tasks, in their order' },
  graph: { load: () => import('./chain/graph.ts'), summary: 'order and dependencies' },
  get: { load: () => import('./chain/get.ts'), summary: 'look up a value' },
  status: { load: () => import('./chain/status.ts'), summary: 'how far the last run is' },
  history: { load: () => import('./chain/history.ts'), summary: 'runs on record' },
  logs: { load: () => import('./chain/logs.ts'), summary: 'output of tasks and jobs', aliases: ['log'] },
  explain: { load: () => import('./chain/explain.ts'), summary: 'why a run ended as it did' },
  analyze: { load: () => import('./chain/analyze.ts'), summary: 'where the time went' },
  submit: { load: () => import('./operator/submit.ts'), summary: 'run a job, or an image' },
  job: { load: () => import('./operator/job.ts'), summary: 'define jobs, show them' },
  schedule: { load: () => import('./operator/schedule.ts'), summary: 'jobs that run by themselves' },
  ps: { load: () => import('./operator/ps.ts'), summary: 'executions, now or before' },
  show: { load: () => import('./operator/show.ts'), summary: 'all about one execution' },
  abort: { load: () => import('./operator/abort.ts'), summary: 'end executions' },
  rerun: { load: () => import('./operator/rerun.ts'), summary: 'run an execution again' },
  page: { load: () => import('./operator/page.ts'), summary: 'open the page in a browser' },
  node: { load: () => import('./operator/node.ts'), summary: 'hosts that take jobs', aliases: ['runners'] },
  group: { load: () => import('./operator/group.ts'), summary: 'groups of nodes', aliases: ['groups'] },
  token: { load: () => import('./operator/token.ts'), summary: 'tokens and their rights' },
  whoami: { load: () => import('./operator/whoami.ts'), summary: 'role of the token at hand' },
  settings: { load: () => import('./operator/settings.ts'), summary: 'rules and quotas' },
  notify: { load: () => import('./operator/notify.ts'), summary: 'notifications' },
  audit: { load: () => import('./operator/audit.ts'), summary: 'changes and their authors' },
  backup: { load: () => import('./operator/backup.ts'), summary: 'save definitions of jobs' },
  restore: { load: () => import('./operator/restore.ts'), summary: 'define saved jobs again' },
  server: { load: () => import('./server/server.ts'), summary: 'hand out jobs to nodes' },
  attach: { load: () => import('./host/attach.ts'), summary: 'take jobs, run them here' },
  drain: { load: () => import('./host/drain.ts'), summary: 'finish jobs, take no more' },
  doctor: { load: () => import('./host/doctor.ts'), summary: 'check what attach needs' },
  plugin: { load: () => import('./host/plugin.ts'), summary: 'try a container plugin' },
  completion: { load: () => import('./host/completion.ts'), summary: 'complete words in a shell' },
  __complete: { load: () => import('./host/complete.ts'), summary: 'what a shell asks for', hidden: true },
  executions: { load: () => import('./operator/executions.ts'), summary: 'ps --all, or show', hidden: true },
  busy: { load: () => import('./operator/busy.ts'), summary: 'ps', hidden: true },
}

/** The commands as the help of the program shows them; a command may stand in two groups. */
export const commandGroups: Readonly<Record<string, readonly string[]>> = {
  'Chain on this host': [
    'run',
    'check',
    'list',
    'graph',
    'get',
    'status',
    'history',
    'logs',
    'explain',
    'analyze',
  ],
  Jobs: ['submit', 'job', 'schedule', 'ps', 'show', 'logs', 'abort', 'rerun'],
  Fleet: ['page', 'node', 'group', 'token', 'whoami', 'settings', 'notify', 'audit', 'backup', 'restore'],
  Services: ['server', 'attach', 'drain', 'doctor', 'plugin'],
}

/** The commands about the program itself, on a line of the help; only the first has a file. */
export const otherCommands: readonly string[] = ['completion', 'help', 'version']

/** The command of a word, which may be an earlier name of it; undefined where there is none. */
export function commandOf(word: string): string | undefined {
  if (Object.hasOwn(commands, word)) return word
  return Object.keys(commands).find(name => commands[name]!.aliases?.includes(word))
}

/** Every word that is a command, earlier names among them. */
export const wordsOfCommands: readonly string[] = Object.entries(commands).flatMap(
  ([name, { aliases = [] }]) => [name, ...aliases],
)
