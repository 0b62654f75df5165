import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { rawNumber } from '../../protocol/exact-json.ts'
import { bodyBounds, parseWithin } from '../../protocol/json-bounds.ts'
import { isObject, passwordsIn } from '../../protocol/mask/secrets.ts'
import type { InputContext, JobBody, Notify, RetryPolicy, Submit } from '../../protocol/messages/jobs.ts'
import { defined, errorText, fail, ok, type Result } from '../../result.ts'
import type { DefinitionOptions } from './options.ts'

/** Reads a file of text in UTF-8, or standard input where its name is `-`. */
export function readText(file: string): Result<string, string> {
  const name = file === '-' ? 'standard input' : file
  let bytes: Buffer
  try {
    bytes = readFileSync(file === '-' ? 0 : file)
  } catch (error) {
    return fail(`${name} cannot be read: ${errorText(error)}`)
  }
  if (isUtf8(bytes)) return ok(bytes.toString())
  return fail(`${name} is not text in UTF-8; pass bytes on as text, in base64 for example`)
}

/** The fields that only a named job has. */
type OfNamed = Pick<JobBody, 'name' | 'namespace' | 'schedule' | 'blackouts'>

/** The definition in a file, overridden by the options; `command` is the words after `--`. */
export function definitionOf(
  options: DefinitionOptions,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
): Result<Submit & OfNamed, string> {
  const base = options.file === undefined ? ok({}) : readDefinition(options.file)
  if (!base.ok) return base
  const definition = { ...base.value } as Submit
  if (options.image !== undefined) definition.image = options.image
  if (definition.image === undefined)
    return fail('no image is named: give --image IMAGE, or --file with a definition that has one')
  if (command.length > 0) definition.command = [...command]
  const given = {
    runner_group: options.runnerGroup,
    priority: options.priority,
    retries: options.retries,
    max_time_seconds: options.maxTime,
    max_queue_seconds: options.maxQueue,
    abort_timeout_seconds: options.abortTimeout,
    abort_signal: options.abortSignal,
    expected_seconds: options.expected,
    notify: options.notify?.length ? options.notify.map(toldOf) : undefined,
    reuse: options.reuse,
    concurrency: options.concurrency,
    queue_limit: options.queueLimit,
    concurrency_key: options.concurrencyKey,
    concurrency_limit: options.concurrencyLimit,
    capabilities: options.capability?.length ? options.capability : undefined,
  }
  for (const [key, value] of Object.entries(given))
    if (value !== undefined) Object.assign(definition, { [key]: value })
  const retry = retryOf(options)
  if (Object.keys(retry).length > 0) definition.retry = { ...definition.retry, ...retry }
  const variables = pairs('--env', options.env)
  if (!variables.ok) return variables
  for (const [name, value] of variables.value) {
    const problem = variableProblem(name, value)
    if (problem !== undefined) return fail(`--env ${name}: ${problem}`)
  }
  if (variables.value.size > 0) definition.env = { ...definition.env, ...Object.fromEntries(variables.value) }
  return withValues(definition, options, env)
}

/** The retry policy of the options. */
const retryOf = (options: DefinitionOptions): RetryPolicy =>
  defined({
    delay_seconds: options.retryDelay,
    backoff: options.retryBackoff,
    max_delay_seconds: options.retryMaxDelay,
    jitter_seconds: options.retryJitter,
    on_exit_codes: options.retryOn,
    not_on_exit_codes: options.retryNotOn,
  })

/** `ops=failure,recovery`; the server checks the events. */
function toldOf(text: string): Notify[number] {
  const [to = '', events = 'failure,recovery'] = text.split('=')
  return { to, on: events.split(',') as Notify[number]['on'] }
}

/** Why a process cannot be given a variable; undefined where it can. The server refuses the same. */
function variableProblem(name: string, value: string): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,255}$/.test(name))
    return 'a name of a variable has letters, digits and underscore in it, and no digit first'
  if (value.includes('\0'))
    return 'a value cannot have a NUL character in it; pass it on in base64, for example'
  if (value.length > longestVariable)
    return (
      `the value has ${value.length} characters: ` +
      `${longestVariable} are the most; put it into the image, or where the job can fetch it`
    )
  return undefined
}

/** Characters of a value, at the most. */
const longestVariable = 131_072

function readDefinition(file: string): Result<object, string> {
  const text = readText(file)
  if (!text.ok) return text
  const read = parseWithin(Buffer.from(text.value), bodyBounds)
  if (!read.ok) return fail(`${file} ${read.failure.detail}`)
  if (isObject(read.value)) return ok(read.value)
  return fail(`${file} has no definition in it: that is a JSON object with an image`)
}

/** A property of a plugin's task, as the plugins' SDKs need it: with all of its fields. */
interface Property {
  name: string
  kind: string
  category: 'input' | 'output'
  password: boolean
  value: unknown
}

/** Inputs, outputs and secrets: properties of a plugin's task, and a command's secret environment. */
function withValues(
  definition: Submit,
  options: DefinitionOptions,
  env: NodeJS.ProcessEnv,
): Result<Submit, string> {
  const { type, file } = options
  const inputs = pairs('--input', options.input)
  if (!inputs.ok) return inputs
  const values = jsonPairs(options.inputJson)
  if (!values.ok) return values
  const secrets = secretsOf(options.secret, env, file === '-')
  if (!secrets.ok) return secrets
  const task = definition.input?.task ?? undefined
  if (type === undefined && task === undefined) {
    const { input, inputJson, output, secretOutput } = options
    const given = {
      '--input': input,
      '--input-json': inputJson,
      '--output': output,
      '--secret-output': secretOutput,
    }
    const [useless] = Object.entries(given).find(([, names]) => names.length > 0) ?? []
    if (useless !== undefined)
      return fail(`${useless} is for a plugin: name its task by --type prefix.ClassName`)
    if (secrets.value.size === 0) return ok(definition)
    const secret_env = { ...definition.secret_env, ...Object.fromEntries(secrets.value) }
    return ok({ ...definition, secret_env })
  }
  const given = [
    ...[...inputs.value].map(([name, value]) => inputOf(name, value)),
    ...[...values.value].map(([name, value]) => inputOf(name, value)),
    ...[...secrets.value].map(([name, value]) => ({ ...inputOf(name, value), password: true })),
    ...outputsOf(options),
  ]
  // The file has not been validated: the server, or `plugin run`, refuses a wrong definition.
  const listed: unknown = task?.properties ?? []
  const all = Array.isArray(listed) ? [...listed.filter(isObject), ...given] : given
  const clash = clashOf(given, all)
  if (clash !== undefined) return fail(clash)
  const named = new Set(given.map(({ name }) => name))
  const whole = {
    ...definition.input,
    task: {
      ...task,
      type: type ?? task!.type,
      properties: Array.isArray(listed)
        ? [...listed.filter(property => !named.has(property?.name)), ...given]
        : listed,
    },
  } as InputContext
  return ok({ ...definition, input: whole })
}

function inputOf(name: string, value: unknown): Property {
  return { name, kind: kindOf(value), category: 'input', password: false, value }
}

function outputsOf({ output, secretOutput }: DefinitionOptions): Property[] {
  return [...new Set([...output, ...secretOutput])].map(name => ({
    name,
    kind: 'STRING',
    category: 'output',
    password: secretOutput.includes(name),
    value: null,
  }))
}

/** The kind of a value, by the names that type definitions have for them. */
function kindOf(value: unknown): string {
  if (typeof value === 'boolean') return 'BOOLEAN'
  if (Number.isInteger(value) || /^-?\d+$/.test(rawNumber(value) ?? '')) return 'INTEGER'
  const isItem = (item: unknown) => isObject(item) && Array.isArray(item.properties)
  if (Array.isArray(value)) return value.length > 0 && value.every(isItem) ? 'LIST_OF_CI' : 'LIST_OF_STRING'
  if (isItem(value)) return 'CI'
  return isObject(value) ? 'MAP_STRING_STRING' : 'STRING'
}

type Named = { name?: unknown; category?: unknown }

/** The complaint about two properties of one name; undefined where there is none. */
function clashOf(given: readonly Property[], all: readonly Named[]): string | undefined {
  const isOutput = new Map<unknown, boolean>()
  for (const { name, category } of all) {
    const output = category === 'output'
    if ((isOutput.get(name) ?? output) !== output)
      return `${name} is an input and an output: a task has one property of each name; leave one of them out`
    isOutput.set(name, output)
  }
  const names = given.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  return twice === undefined
    ? undefined
    : `${twice} is given twice, by two of --input, --input-json and --secret: leave one of them out`
}

/** Parses `key=JSON`; the value `@file` stands for the contents of the file. */
function jsonPairs(texts: readonly string[]): Result<Map<string, unknown>, string> {
  const read = pairs('--input-json', texts)
  if (!read.ok) return read
  const all = new Map<string, unknown>()
  for (const [key, text] of read.value) {
    const parsed = parseWithin(Buffer.from(text), bodyBounds)
    if (!parsed.ok) {
      const { tooMuch, detail } = parsed.failure
      return fail(
        `--input-json ${key}: ` +
          `it ${tooMuch ? detail : 'is not JSON, such as 30, true, "text", [1, 2] or @file'}`,
      )
    }
    const { value } = parsed
    // The last value of a key applies.
    const typed = texts.findLast(one => one.startsWith(`${key}=`))
    if (passwordsIn(value).length > 0 && !typed?.startsWith(`${key}=@`))
      return fail(
        `--input-json ${key}: there is a password in it, ` +
          `which can be seen by all users of this host; write ${key}=@file`,
      )
    all.set(key, value)
  }
  return ok(all)
}

/** Parses `key=value`; the value `@file` stands for the contents of the file. */
function pairs(option: string, texts: readonly string[]): Result<Map<string, string>, string> {
  const all = new Map<string, string>()
  for (const text of texts) {
    const at = text.indexOf('=')
    if (at < 1) return fail(`${option} ${text}: write key=value, or key=@file`)
    const [key, value] = [text.slice(0, at), text.slice(at + 1)]
    const read = value.startsWith('@') ? readText(value.slice(1)) : ok(value)
    if (!read.ok) return fail(`${option} ${key}: ${read.failure}`)
    all.set(key, read.value)
  }
  return ok(all)
}

const places = 'write key=@file, key=- for standard input, or key=env:NAME for a variable of the environment'

/** Reads secrets from files, standard input or the environment, where other users cannot see them. */
function secretsOf(
  texts: readonly string[],
  env: NodeJS.ProcessEnv,
  stdinTaken: boolean,
): Result<Map<string, string>, string> {
  const all = new Map<string, string>()
  let taken = stdinTaken
  for (const text of texts) {
    // The text after the key may be the secret, so the message does not repeat it.
    const [, key, place] = /^([^=]+)=(@.+|-|env:.+)$/s.exec(text) ?? []
    if (key === undefined || place === undefined) {
      const name = /^[^=]+(?==)/.exec(text)?.[0]
      const which = name === undefined ? '' : ` ${name}`
      return fail(
        `--secret${which}: a secret on the command line can be seen by all users of this host, ` +
          `and stays in the history of the shell; ${places}`,
      )
    }
    if (place === '-' && taken)
      return fail(`--secret ${key}: standard input has been read already; ${places}`)
    taken ||= place === '-'
    const value = place.startsWith('env:') ? variable(place.slice(4), env) : readText(place.replace(/^@/, ''))
    if (!value.ok) return fail(`--secret ${key}: ${value.failure}`)
    // The line end that an editor adds is not a part of the secret.
    all.set(key, place.startsWith('env:') ? value.value : value.value.replace(/\r?\n$/, ''))
  }
  return ok(all)
}

function variable(name: string, env: NodeJS.ProcessEnv): Result<string, string> {
  const value = env[name]
  return value === undefined ? fail(`the environment has no ${name}`) : ok(value)
}
