import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exitStatus } from '../../exit-status.ts'
import { packageRoot } from '../../package-root.ts'
import { print } from '../../report/say.ts'
import { defineCommand } from '../define-command.ts'

/** The file with the completions of each shell. */
const files = { bash: 'runner.bash', zsh: '_runner', fish: 'runner.fish' } as const

export const command = defineCommand({
  description: 'print the script by which a shell completes commands, options and what they take',
  options: command =>
    command.addArgument(
      command.createArgument('<shell>').choices(Object.keys(files) as (keyof typeof files)[]),
    ),
  notes: `The packages of runner install it. For a checkout, or for one user alone:

bash: runner completion bash > ~/.local/share/bash-completion/completions/runner

zsh: runner completion zsh > ~/.zfunc/_runner, with fpath+=~/.zfunc before compinit in ~/.zshrc

fish: runner completion fish > ~/.config/fish/completions/runner.fish

A new shell uses it. It asks runner for the names of tasks, jobs, nodes and the like; where the server does
not answer within a second, there are none.`,
  examples: ['source <(runner completion bash)     in this shell alone', 'runner completion fish | source'],
  action(_, [shell]) {
    print(readFileSync(join(packageRoot, 'completions', files[shell])))
    return exitStatus.ok
  },
})
