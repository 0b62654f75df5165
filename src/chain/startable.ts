import { accessSync, closeSync, constants, fstatSync, lstatSync, openSync, readSync, statSync } from 'node:fs'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'
import { isElf, readElfHeader } from '../system/elf.ts'
import { shellQuote } from '../system/shell-quote.ts'
import { envTarget, isEnv } from './env-command.ts'
import { findCommand, isExecutable } from './find-command.ts'

/** The reason why a file cannot be started, and the remedy. */
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

/** The most interpreters, each the interpreter of the one before, that the kernel follows. */
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
 * Looks whether the kernel will start a file: by its mode and its first bytes. It has to be looked at,
 * because execvp(3) hands whatever the kernel refuses to /bin/sh, where a foreign binary or a syntax error
 * ends with 2, which would be taken for a task that asks to halt. With an interpreter in force only the file
 * itself counts. `search` is the PATH of the task, on which `#!/usr/bin/env` looks for the interpreter.
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
    const others = statSync(path, { throwIfNoEntry: false })?.mode ?? 0
    return fail({
      reason: 'not-executable',
      message: (others & 0o111) === 0 ? 'is not executable' : 'is executable for other users only',
      hint: `make it so: chmod +x ${shellQuote(path)}; or move it out of the task directory`,
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
    if (!['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? ''))
      return fail({
        reason: 'unreadable',
        message: `cannot be read: ${errorText(error)}`,
        hint: 'see its mode and owner',
      })
    return fail(
      errorCode(error) === 'ENOENT' && isLink(path)
        ? { reason: 'dangling-link', message: 'is a link to nothing', hint: 'fix or remove the link' }
        : {
            reason: 'missing',
            message: 'is not there any more',
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
  if (isElf(head)) return checkElf(head, size)
  if (head.toString('latin1', 0, 2) === '#!') return checkHashbang(head, search, depth)
  return fail({
    reason: 'no-hashbang',
    message: 'begins neither with #! nor as a program of this machine does',
    hint: 'give it a first line such as #!/bin/sh, or name an interpreter in the configuration',
  })
}

/**
 * Whether the kernel takes a program: by its header, and by whether its table of segments is inside the file.
 */
function checkElf(head: Buffer, size: number): Result<void, NotStartable> {
  const known = machines[process.arch]
  const damaged: NotStartable = {
    reason: 'foreign-binary',
    message: 'is a damaged program: its ELF header does not fit the file',
    hint: 'replace it by a whole one',
  }
  const header = readElfHeader(head)
  if (header === undefined) return fail(damaged)
  const { machine, executable, segments } = header
  if (known !== undefined && !known.includes(machine))
    return fail({
      reason: 'foreign-binary',
      message: `is a program for another machine (ELF machine ${machine}; this is ${process.arch})`,
      hint: 'replace it by one built for this machine',
    })
  const { offset, entrySize, count } = segments
  return executable && count > 0 && offset + count * entrySize <= size ? ok(undefined) : fail(damaged)
}

function checkHashbang(head: Buffer, search: string | undefined, depth: number): Result<void, NotStartable> {
  const end = head.indexOf(10)
  const line = head.toString('utf8', 2, end === -1 ? head.length : end)
  // The kernel hands the rest of the line on as one word.
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
  /** The number of interpreters of interpreters before. */
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
  const hint = 'install it, or fix the first line of the file'
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

/**
 * The problem of the program that `env ...words` starts; undefined where it has none, or only env itself can
 * know.
 */
function envProblem(
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
    hint: /\s/.test(program) ? hint : 'install it, fix the first line of the file, or set PATH in [env]',
  }
}
