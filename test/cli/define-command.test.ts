import { Command } from '@commander-js/extra-typings'
import t from 'tap'
import {
  type DefinedCommand,
  defineCommand,
  defineGroup,
  definesCommandsWith,
  type NewCommand,
  type OptionsOf,
} from '../../src/cli/define-command.ts'
import { globalOptions, InvalidValue } from '../../src/cli/options.ts'

/** Runs a command line of a program that has this one command; gives its exit status and its help. */
async function parse(defined: DefinedCommand, argv: string[]) {
  let said = ''
  let status: number | undefined
  const program = globalOptions(new Command('runner')).exitOverride()
  program.configureOutput({ writeOut: text => (said += text), writeErr: text => (said += text) })
  defined.addTo(program.command('it'), async ended => {
    status = await ended
  })
  const failure = await program.parseAsync(argv, { from: 'user' }).then(
    () => undefined,
    error => error.code,
  )
  return { status, said, failure }
}

function parseEven(text: string): number {
  if (Number(text) % 2 === 0) return Number(text)
  throw new InvalidValue('It must be even.')
}

const options = (command: NewCommand) =>
  command
    .argument('<file>')
    .option('--even <number>', 'a number', parseEven)
    .option('--deep', 'all of it', false)

t.test('an action gets typed arguments and options, the global ones too', async t => {
  const got: { file: string; options: OptionsOf<typeof options> }[] = []
  const defined = defineCommand({
    description: 'does it',
    options,
    examples: [],
    action(options, [file]) {
      got.push({ file, options })
      return 7
    },
  })
  const { status } = await parse(defined, ['-c', 'x.cfg', 'it', 'a', '--even', '4'])
  t.equal(status, 7)
  t.same(got, [{ file: 'a', options: { config: 'x.cfg', even: 4, deep: false } }])
})

t.test('a value that an option refuses is a wrong command line', async t => {
  const defined = defineCommand({ description: '', options, examples: [], action: () => 0 })
  const { said, failure } = await parse(defined, ['it', 'a', '--even', '3'])
  t.equal(failure, 'commander.invalidArgument')
  t.equal(
    said,
    "error: option '--even <number>' argument '3' is invalid. It must be even.\nrunner: `runner it --help` shows what it takes\n",
  )
})

t.test('help has notes before examples, and shared options behind those of the command', async t => {
  const define = definesCommandsWith(command => command.option('--server <url>', 'which server'))
  const defined = define({
    description: 'does it',
    options,
    notes: 'Exit status: 0 done.',
    examples: ['runner it a', 'runner it b   another'],
    action: () => 0,
  })
  const { said } = await parse(defined, ['it', '--help'])
  t.match(said, /--even[\s\S]*--deep[\s\S]*--server/)
  t.ok(said.endsWith('\nExit status: 0 done.\n\nExamples:\n  runner it a\n  runner it b   another\n'))
})

t.test('a group runs the command that is named, or its own', async t => {
  const gives = (status: number) =>
    defineCommand({ description: '', options: command => command, examples: [], action: () => status })
  const commands = { one: gives(1), two: gives(2) }
  const named = defineGroup({ description: '', own: 'two', commands })
  t.equal((await parse(named, ['it', 'one'])).status, 1)
  t.equal((await parse(named, ['it'])).status, 2)
  t.notOk(named.hasOwn)
  const own = defineGroup({ description: '', own: gives(3), commands })
  t.equal((await parse(own, ['it'])).status, 3)
  t.equal((await parse(own, ['it', 'two'])).status, 2)
  t.ok(own.hasOwn)
})
