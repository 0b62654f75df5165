import { accessSync, closeSync, constants, fstatSync, lstatSync, openSync, readSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'
import { envTarget, isEnv } from './env-command.ts'

/** Why a file cannot be started, and what to do about it. */
export interface NotStartable {
  reason:
    | 'missing'
    | 'dangling-link'
    | 'not-a-file'
    | 'empty'
    | 'not-executable'
    | 'unreadable'
    | 'bad-interpreter'
    | 'foreign-binary'
    | 'no-hashbang'
  message: string
  hint: string
}

/** How many interpreters, each the interpreter of the one before, the kernel follows. */
const deepest = 5
const tooDeep = `asks for an interpreter that asks for another one, and so on: the kernel follows ${deepest}`

/** e_machine of ELF (elf(5)) that this machine runs. */
const machines: Partial<Record<NodeJS.Architecture, number[]>> = {
  x64: [62, 3],
  arm64: [183],
  arm: [40],
  ia32: [3],
  ppc64: [21],
  s390x: [22],
  riscv64: [243],
  loong64: [258],
}

/**
 * Looks whether the kernel will start a file: by its mode and its first bytes. It has to be looked at, because
 * execvp(3) hands whatever the kernel refuses to /bin/sh, where a foreign binary or a syntax error ends with 2,
 * which would be taken for a task that asks to halt. With an interpreter in force only the file itself counts.
 * `search` is the PATH of the task, on which `#!/usr/bin/env` looks for the interpreter.
 */
export function checkStartable(
  path: string,
  hasInterpreter: boolean,
  search?: string,
): Result<void, NotStartable> {
  const file = checkFile(path)
  if (!file.ok || hasInterpreter) return file
  try {
    accessSync(path, constants.X_OK)
  } catch {
    return fail({
      reason: 'not-executable',
      message: 'is not executable',
      hint: `make it so: chmod +x '${path.replaceAll("'", "'\\''")}'; or move it out of the task directory`,
    })
  }
  const head = readHead(path)
  // A program that may be run but not read is for the kernel to judge; a script could not be run like that.
  if (head === undefined) return ok(undefined)
  return checkHead(head, search)
}

function checkFile(path: string): Result<void, NotStartable> {
  try {
    const stat = statSync(path)
    if (stat.isFile()) return ok(undefined)
    const what = stat.isDirectory() ? 'a directory' : 'neither a file nor a link to one'
    return fail({
      reason: 'not-a-file',
      message: `is ${what}`,
      hint: 'tasks are files: move it out of the task directory',
    })
  } catch (error) {
    if (errorCode(error) !== 'ENOENT')
      return fail({
        reason: 'unreadable',
        message: `cannot be read: ${errorText(error)}`,
        hint: 'see its mode and owner',
      })
    return fail(
      isLink(path)
        ? { reason: 'dangling-link', message: 'is a link to nothing', hint: 'mend or remove the link' }
        : {
            reason: 'missing',
            message: 'is not there (any more)',
            hint: 'put it back, or run the chain again without it',
          },
    )
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
}

/** The first bytes of a file, and its size; undefined where it may not be read. */
function readHead(path: string): Head | undefined {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return undefined
  }
  try {
    const buffer = Buffer.alloc(256)
    return { bytes: buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, 0)), size: fstatSync(fd).size }
  } finally {
    closeSync(fd)
  }
}

interface Head {
  bytes: Buffer
  size: number
}

function checkHead({ bytes: head, size }: Head, search?: string, depth = 0): Result<void, NotStartable> {
  if (head.length === 0)
    return fail({
      reason: 'empty',
      message: 'is empty',
      hint: 'give it a first line such as #!/bin/sh, or remove it',
    })
  if (head.toString('latin1', 0, 4) === '\x7fELF') return checkElf(head, size)
  if (head.toString('latin1', 0, 2) === '#!') return checkHashbang(head, search, depth)
  return fail({
    reason: 'no-hashbang',
    message: 'begins neither with #! nor as a program of this machine does',
    hint: 'give it a first line such as #!/bin/sh, or name an interpreter in the configuration',
  })
}

/** The header of a program that the kernel takes (elf(5)), with its table of segments inside the file. */
function checkElf(head: Buffer, size: number): Result<void, NotStartable> {
  const known = machines[process.arch]
  const big = head[5] === 2
  const wide = head[4] === 2
  const damaged: NotStartable = {
    reason: 'foreign-binary',
    message: 'is a damaged program: its ELF header does not fit the file',
    hint: 'replace it by a whole one',
  }
  if (head.length < 64) return fail(damaged)
  const half = (at: number) => (big ? head.readUInt16BE(at) : head.readUInt16LE(at))
  const word = (at: number) => (big ? head.readUInt32BE(at) : head.readUInt32LE(at))
  const machine = half(18)
  if (known !== undefined && !known.includes(machine))
    return fail({
      reason: 'foreign-binary',
      message: `is a program for another machine (ELF machine ${machine}; this is ${process.arch})`,
      hint: 'replace it by one built for this machine',
    })
  const table = wide ? Number(big ? head.readBigUInt64BE(32) : head.readBigUInt64LE(32)) : word(28)
  const [entry, entries] = wide ? [half(54), half(56)] : [half(42), half(44)]
  const executable = half(16) === 2 || half(16) === 3
  return executable && entries > 0 && table + entry * entries <= size ? ok(undefined) : fail(damaged)
}

function checkHashbang(head: Buffer, search: string | undefined, depth: number): Result<void, NotStartable> {
  const end = head.indexOf(10)
  const line = head.toString('utf8', 2, end === -1 ? head.length : end)
  // The kernel hands on what follows as one word.
  const [, interpreter = '', rest = ''] = /^([^ \t]*)[ \t]*(.*)$/s.exec(line.trim()) ?? []
  const problem =
    interpreterProblem(interpreter, { crlf: line.endsWith('\r'), search, depth }) ??
    (isEnv(interpreter) ? envProblem(rest === '' ? [] : [rest], search, depth) : undefined)
  if (problem === undefined) return ok(undefined)
  return fail({ reason: 'bad-interpreter', ...problem })
}

interface Asked {
  /** Whether the line that asks ends in CR LF. */
  crlf: boolean
  search: string | undefined
  /** How many interpreters of interpreters there were before. */
  depth: number
}

function interpreterProblem(
  interpreter: string,
  { crlf, search, depth }: Asked,
): Omit<NotStartable, 'reason'> | undefined {
  if (crlf) {
    const message = `asks for an interpreter ${JSON.stringify(`${interpreter}\r`)}: its lines end in CR LF`
    return { message, hint: 'save it with LF line ends (sed -i "s/\\r$//" FILE)' }
  }
  if (interpreter === '')
    return { message: 'names no interpreter after #!', hint: 'write for example #!/bin/sh' }
  const hint = 'install it, or mend the first line of the file'
  if (isExecutable(interpreter)) {
    const head = readHead(interpreter)
    if (head === undefined) return undefined
    if (depth === deepest) {
      return { message: tooDeep, hint }
    }
    const program = checkHead(head, search, depth + 1)
    if (program.ok) return undefined
    const { message } = program.failure
    return {
      message: message === tooDeep ? message : `asks for the interpreter ${interpreter}, which ${message}`,
      hint,
    }
  }
  return { message: `asks for the interpreter ${interpreter}, which is not there or not executable`, hint }
}

/** What is wrong with what `env ...words` is to start; undefined where nothing is, or only env itself can tell. */
export function envProblem(
  words: readonly string[],
  search: string | undefined,
  depth = 0,
): { message: string; hint: string } | undefined {
  const target = envTarget(words, search)
  if (target.kind === 'unsure') return undefined
  const split = words.length === 1 && /^\S+\s/.test(words[0]!)
  const hint = split
    ? `write for example #!/usr/bin/env -S ${words[0]!.replace(/^-S\s*/, '')}`
    : 'name a program behind env'
  if (target.kind === 'nothing') return { message: `asks env, which ${target.why}`, hint }
  const { program, path } = target
  const found = findCommand(program, path)
  if (found !== undefined) return interpreterProblem(found, { crlf: false, search: path, depth })
  const where = program.includes('/')
    ? 'is not there or not executable'
    : `is not on its PATH, ${path ?? 'which is not set'}`
  return {
    message: `asks env for the program ${JSON.stringify(program)}, which ${where}`,
    hint: /\s/.test(program) ? hint : 'install it, mend the first line of the file, or set PATH in [env]',
  }
}

/** Whether a path is a file that may be executed. */
function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** Where a command is: itself if it has a slash in it, else the first on `path`; undefined if nowhere. */
export function findCommand(command: string, path: string | undefined): string | undefined {
  if (command.includes('/')) return isExecutable(command) ? command : undefined
  const folders = (path ?? '/usr/local/bin:/usr/bin:/bin').split(delimiter)
  return folders.map(folder => join(folder || '.', command)).find(isExecutable)
}
