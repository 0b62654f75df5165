import t from 'tap'
import { usageError } from '../../src/cli/usage-error.ts'

for (const [text, said] of [
  [
    "error: unknown option '--ony'\n(Did you mean --only?)\n",
    "runner: unknown option '--ony'; did you mean --only?\n",
  ],
  [
    "error: unknown command 'a'\n(Did you mean one of b, c?)\n",
    "runner: unknown command 'a'; did you mean one of b, c?\n",
  ],
  [
    "error: option '-n, --times <number>' argument 'x' is invalid. It must be a number.\n",
    "runner: option '-n, --times <number>' cannot be 'x'. It must be a number.\n",
  ],
  [
    "error: command-argument value 'x\ny' is invalid for argument 'run'. It must be a number.\n",
    "runner: argument 'run' cannot be 'x\ny'. It must be a number.\n",
  ],
  ['runner: `runner run --help` shows what it takes\n', 'runner: `runner run --help` shows what it takes\n'],
] as const)
  t.equal(usageError(text), said)
