/*
 * Measures the built program side by side with what one would use instead, and writes
 * its part of docs/benchmarks.md. All
 * commands of a table run in turn, round after round, so that a machine that changes its speed changes it for
 * all; the ratios are those of the rounds, and their median is what counts. Build first: npm run build.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { execaSync } from 'execa'
import { CompiledLookUps, lookUpBase } from '../src/config/compiled-look-ups.ts'
import { systemClock } from '../src/edges.ts'
import { median, replacePart } from './figures.ts'

interface Contender {
  name: string
  /** A line of sh. */
  command: string
}

interface Table {
  title: string
  about: string
  ours: Contender
  others: Contender[]
  /** At most this many times the first of the others. */
  target: number
  rounds: number
  /** The number of times that one sample runs the command, in a loop of one shell. */
  repeat: number
}

/** The directories that the benches leave in memory. */
const compiled: string[] = []
const folder = mkdtempSync(join(tmpdir(), 'runner-bench-'))
const runner = resolve('bin/runner')
const node = process.execPath
const environment: NodeJS.ProcessEnv = { ...process.env, LC_ALL: 'C', RUNNER_NODE: undefined }
for (const name of ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'RUNNER_NODE']) delete environment[name]

/** Milliseconds for one run of the command. */
function sample({ command }: Contender, repeat: number): number {
  const loop = `i=0; while [ $i -lt ${repeat} ]; do ${command}; i=$((i+1)); done`
  const start = performance.now()
  execaSync('/bin/sh', ['-c', repeat === 1 ? command : loop], {
    env: environment,
    extendEnv: false,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  return (performance.now() - start) / repeat
}

function measure({ title, about, ours, others, target, rounds, repeat }: Table): string {
  console.error(`${title} …`)
  const all = [ours, ...others]
  for (const contender of all) sample(contender, repeat)
  const times = all.map(() => [] as number[])
  for (let round = 0; round < rounds; round++)
    for (const [index, contender] of all.entries()) times[index]!.push(sample(contender, repeat))
  const ratio = (index: number) => median(times[0]!.map((time, round) => time / times[index]![round]!))
  const rows = all.map(({ name }, index) => {
    const against = index === 0 ? '' : `${ratio(index).toFixed(2)} ×`
    return `| ${name} | ${median(times[index]!).toFixed(2)} | ${Math.min(...times[index]!).toFixed(2)} | ${against} |`
  })
  const reached = ratio(1) <= target ? 'reached' : 'missed'
  return [
    `## ${title}`,
    '',
    about,
    '',
    '| command | median ms | least ms | runner against it |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    `Target: at most ${target} × ${others[0]!.name}: **${reached}**, ${ratio(1).toFixed(2)} ×.`,
  ].join('\n')
}

function write(path: string, text: string, mode = 0o644): string {
  mkdirSync(resolve(path, '..'), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

/** A task directory with its configuration beside it. */
function chain(name: string, count: number, script: string): string {
  mkdirSync(join(folder, name, 'tasks.d'), { recursive: true })
  for (let index = 0; index < count; index++)
    write(join(folder, name, 'tasks.d', `t${String(index).padStart(3, '0')}`), script, 0o755)
  return write(join(folder, name, 'runner.cfg'), '[runner]\nstate_dir = state\nallow_empty = yes\n')
}

/** A file of so many lines, with so many keys in each section, of which the last one has the key that is wanted. */
function configuration(lines: number, keys: number): string {
  const text = ['# A configuration', '[runner]', 'max_tries = 3', '']
  for (let left = lines - text.length; left > 0; left -= keys + 1) {
    const count = Math.min(keys, left - 1)
    const last = left <= keys + 1
    text.push(last ? '[limits]' : `[section_${left}]`)
    for (let key = 1; key < count; key++) text.push(`key_${key} = value number ${key}`)
    text.push('wanted = found')
  }
  const file = write(join(folder, `config-${lines}-${keys}.cfg`), `${text.join('\n')}\n`)
  // As a run compiles it; files of the last two seconds are not compiled.
  const then = systemClock.now().getTime() / 1000 - 1000.5
  utimesSync(file, then, then)
  const base = lookUpBase(environment)
  if (base === undefined) throw new Error('mount a tmpfs on /run first: the compiled form lies in memory')
  new CompiledLookUps(base, file, '/').refresh(systemClock.now())
  compiled.push(join(base, 'runner-look-up/1', folder))
  return file
}

const pythonScript = write(
  join(folder, 'get.py'),
  `import argparse, configparser
parser = argparse.ArgumentParser()
parser.add_argument("-c")
parser.add_argument("-g")
args = parser.parse_args()
config = configparser.RawConfigParser()
config.optionxform = str
config.read([args.c])
section, option = args.g.split(".", 1)
if config.has_option(section, option):
    print(config.get(section, option))
`,
)

function lookUp(lines: number, target: number, keys = 50): Table {
  const file = configuration(lines, keys)
  return {
    title: `A look-up in a file of ${lines} lines, ${keys} keys in a section`,
    about: `One key, the last of the file, as a task asks for it; ${100} times in a loop of one shell.`,
    ours: { name: '`$RUNNER_CONFIG_CMD -g limits.wanted`', command: `${runner} -c ${file} -g limits.wanted` },
    others: [
      { name: '`sh -c :`', command: 'sh -c :' },
      {
        name: 'Python, argparse and configparser',
        command: `/usr/bin/python3 ${pythonScript} -c ${file} -g limits.wanted`,
      },
      { name: '`node -e 0`', command: `${node} -e 0` },
    ],
    target,
    rounds: 7,
    repeat: 100,
  }
}

function emptyChain(): Table {
  const file = chain('empty', 0, '')
  return {
    title: 'Start-up: a run of an empty task directory',
    about: 'From the start of the launcher to the end of the run, with its record.',
    ours: { name: '`runner run`', command: `${runner} run -c ${file}` },
    others: [{ name: '`node -e 0`', command: `${node} -e 0` }],
    target: 1.5,
    rounds: 41,
    repeat: 1,
  }
}

function manyTasks(): Table {
  const file = chain('many', 200, '#!/bin/sh\nexit 0\n')
  const names = Array.from({ length: 200 }, (_, index) => `t${String(index).padStart(3, '0')}`)
  const rules = names.map((name, index) => `${name}: ${names[index - 1] ?? ''}\n\t@tasks.d/${name}\n`)
  write(
    join(folder, 'many', 'Makefile'),
    `all: ${names.at(-1)}\n.PHONY: all ${names.join(' ')}\n${rules.join('')}`,
  )
  return {
    title: 'A chain of 200 tasks that do nothing',
    about:
      'Each is `#!/bin/sh` with `exit 0`. runner keeps a log of each, and watches its tree and its time.',
    ours: { name: '`runner run`', command: `${runner} run -c ${file}` },
    others: [
      { name: '`run-parts`', command: `run-parts ${join(folder, 'many', 'tasks.d')}` },
      { name: 'GNU make', command: `make -s -C ${join(folder, 'many')}` },
    ],
    target: 2.5,
    rounds: 11,
    repeat: 1,
  }
}

function muchOutput(): Table {
  const line = 'A line of output such as a task prints while it does something that takes a while.\n'
  const text = write(
    join(folder, 'megabyte'),
    line.repeat(Math.ceil(1048576 / line.length)).slice(0, 1048576),
  )
  const file = chain('output', 50, `#!/bin/sh\nexec cat ${text}\n`)
  const tasks = join(folder, 'output', 'tasks.d')
  return {
    title: '50 tasks of 1 MB of output, shown and kept',
    about: 'Shown means: through a pipe to `cat`.',
    ours: { name: '`runner run \\| cat`', command: `${runner} run -c ${file} | cat` },
    others: [
      { name: '`run-parts \\| tee`', command: `run-parts ${tasks} | tee ${join(folder, 'log')} | cat` },
    ],
    target: 1.5,
    rounds: 11,
    repeat: 1,
  }
}

/** Peak resident memory in MB, by the system's account of the finished process. */
function peak(command: string): number | undefined {
  if (!existsSync('/usr/bin/time')) return undefined
  const file = join(folder, 'peak')
  execaSync('/bin/sh', ['-c', `/usr/bin/time -f %M -o ${file} ${command} > /dev/null`], {
    env: environment,
    extendEnv: false,
    reject: false,
  })
  return Number(readFileSync(file, 'utf8').trim().split('\n').at(-1)) / 1024
}

function memory(): string {
  console.error('Peak memory …')
  const commands: [string, string][] = [
    ['`runner run`, 200 tasks', `${runner} run -c ${join(folder, 'many', 'runner.cfg')}`],
    ['`runner run`, 50 tasks of 1 MB', `${runner} run -c ${join(folder, 'output', 'runner.cfg')}`],
    ['`node -e 0`', `${node} -e 0`],
  ]
  const rows = commands.map(([name, command]) => {
    const peaks = Array.from({ length: 5 }, () => peak(command)).filter(value => value !== undefined)
    return { name, value: peaks.length === 0 ? undefined : median(peaks) }
  })
  const [first] = rows
  const verdict =
    first!.value === undefined
      ? 'not measured, time(1) is missing'
      : first!.value <= 65
        ? 'reached'
        : 'missed'
  return [
    '## Peak memory',
    '',
    'Resident, of the largest process, median of five.',
    '',
    '| command | MB |',
    '| --- | --- |',
    ...rows.map(({ name, value }) => `| ${name} | ${value?.toFixed(1) ?? '?'} |`),
    '',
    `Target: at most 65 MB for the chain of 200: **${verdict}**.`,
  ].join('\n')
}

try {
  const tables = [
    lookUp(20, 1.2),
    lookUp(100, 1.25),
    lookUp(2000, 1.3),
    lookUp(2000, 2.5, 2000),
    manyTasks(),
    emptyChain(),
    muchOutput(),
  ].map(measure)
  const about = `Measured on a machine with ${cpus().length} processors and Node.js ${process.versions.node}. Times are whole processes,
start to end; all commands of a table ran in turn, and a ratio is the median of the rounds' ratios.`
  replacePart('host', `${[about, ...tables, memory()].join('\n\n')}\n`)
} finally {
  for (const path of [folder, ...compiled]) rmSync(path, { recursive: true, force: true })
}
