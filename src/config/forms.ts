/*
 * The forms that a value can have. Each function makes a key of its form: with a default, the key always has
 * a value.
 */
import { resolve } from 'node:path'
import { harmlessCharacter } from '../system/printable.ts'
import { parseAddress } from './address.ts'
import { isHookUrl } from './hook-url.ts'
import { type ComputedText, type Key, type KeyFacts, makeKey } from './key.ts'
import { type OidcRole, parseOidcRoles } from './oidc-roles.ts'
import { splitWords } from './words.ts'

type Form<T> = Pick<KeyFacts<T>, 'schema' | 'form' | 'read'> & Partial<Pick<KeyFacts<T>, 'rules'>>

interface KeyMaker<T, Preset> {
  (preset: Preset): Key<T>
  (): Key<T | undefined>
}

const plain = { description: '', inherited: false, lenient: false, rules: [], isText: true }

function ofForm<T, Preset extends string | number | ComputedText = string>(
  form: Form<T>,
): KeyMaker<T, Preset> {
  function make(preset: Preset): Key<T>
  function make(): Key<T | undefined>
  function make(preset?: string | number | ComputedText): Key<T | undefined> {
    const text = typeof preset === 'number' ? String(preset) : preset
    return makeKey<T | undefined>({ ...plain, ...form, preset: text, absent: undefined })
  }
  return make
}

const text = (value: string) => value
const matching = (pattern: string) => ({ type: 'string', pattern }) as const
const anyText = { type: 'string' } as const
const decimal = '(\\.\\d{0,9})?|\\.\\d{1,9})$'

const number_ = (pattern: string, form: string) =>
  ofForm<number, number>({ schema: matching(pattern), form, read: Number })

export const seconds = number_(`^(\\d{1,12}${decimal}`, 'a number of seconds, 0 or more, such as 5 or 0.25')
export const factor = number_(`^(\\d{1,6}${decimal}`, 'a number, 0 or more, such as 1.14')
export const number = number_(`^(\\d{1,6}${decimal}`, 'a number, such as 2 or 0.5')
export const days = number_('^\\d{1,6}(\\.\\d{0,9})?$', 'a number of days, 0 or more')
export const count = number_('^0*[1-9]\\d{0,8}$', 'a whole number, 1 or more')

const units: Record<string, number> = { k: 1024, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }

/** Bytes. */
export const size = ofForm<number>({
  schema: matching('^\\d{1,12}[kKMGT]?$'),
  form: 'a number of bytes, or one with k, M, G or T behind it, such as 64M',
  read: value => Number.parseInt(value, 10) * (units[value.at(-1) ?? ''] ?? 1),
})

/** `yes` or `no`. */
export const flag = (preset: boolean): Key<boolean> =>
  makeKey({
    ...plain,
    schema: { type: 'string', enum: ['yes', 'no'] },
    form: 'yes or no',
    preset: preset ? 'yes' : 'no',
    absent: preset,
    read: value => value === 'yes',
  })

/** One of several words; the first is the default. */
export function oneOf<const Word extends string>(first: Word, ...others: Word[]): Key<Word> {
  const words = [first, ...others]
  return makeKey({
    ...plain,
    schema: { type: 'string', enum: words },
    form: `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`,
    preset: first,
    absent: first,
    read: value => words.find(word => word === value) ?? first,
  })
}

const notEmpty = (name: string, value: string) =>
  value === '' ? { message: `${name} is empty`, hint: `write a path, or leave ${name} out` } : undefined

/** A path, made absolute: a relative one is relative to the file that it is written in. */
export const path = ofForm<string, string | ComputedText>({
  schema: anyText,
  form: 'a path',
  rules: [notEmpty],
  read: (value, folder) => resolve(folder, value),
})

/** A path as it is written. */
export const pathAsWritten = ofForm<string>({
  schema: anyText,
  form: 'a path',
  rules: [notEmpty],
  read: text,
})

/** A path as it is written, which may be empty. */
export const pathOrNothing = ofForm<string>({ schema: anyText, form: 'a path', read: text })

/**
 * The words of a command, none without a command. A relative program with a slash is relative to the file.
 */
export const commandWords = (): Key<string[]> =>
  makeKey({
    ...plain,
    schema: anyText,
    form: 'a command, split into words as a shell does',
    isText: false,
    absent: [],
    rules: [
      (name, value) => {
        const words = splitWords(value)
        return words.ok
          ? undefined
          : { message: `${name} cannot be split into words: ${words.failure}`, hint: 'close each quote' }
      },
    ],
    read: (value, folder) => {
      const words = splitWords(value)
      const [program, ...rest] = words.ok ? words.value : []
      if (program === undefined) return []
      return [program.includes('/') ? resolve(folder, program) : program, ...rest]
    },
  })

/** Names with commas or line feeds between them, each once. */
export const names = (preset?: string): Key<string[]> =>
  makeKey({
    ...plain,
    schema: anyText,
    form: 'names with commas between them',
    preset,
    absent: [],
    read: splitNames,
  })

export function splitNames(value: string): string[] {
  const all = value.split(/[,\n]/).map(name => name.trim())
  return [...new Set(all)].filter(name => name !== '')
}

/** Paths with commas or line feeds between them, each made absolute as that of `path`. */
export const paths = (): Key<string[]> =>
  makeKey({
    ...plain,
    schema: anyText,
    form: 'paths with commas between them',
    absent: [],
    read: (value, folder) => splitNames(value).map(one => resolve(folder, one)),
  })

/** An address to listen on. */
export const address = ofForm<{ host: string; port: number }>({
  schema: matching('^(\\[[0-9A-Fa-f:.%a-z]+\\]|[^\\s:\\[\\]/]*):\\d{1,5}$'),
  form: 'an address and a port, such as 127.0.0.1:8080, [::1]:8080 or :8080 for all addresses',
  rules: [
    (name, value) =>
      parseAddress(value).port > 65535
        ? { message: `${name} is ${value}; a port is at most 65535`, hint: 'write another port' }
        : undefined,
  ],
  read: parseAddress,
})

export type Database = { engine: 'sqlite'; path: string } | { engine: 'postgres'; url: string }

export const database = ofForm<Database>({
  schema: matching('^(sqlite:.|postgres(ql)?://.)'),
  form: 'sqlite:PATH or postgres://USER@HOST/NAME',
  read: (value, folder) =>
    value.startsWith('sqlite:')
      ? { engine: 'sqlite', path: resolve(folder, value.slice('sqlite:'.length)) }
      : { engine: 'postgres', url: value },
})

/** A text that is used as it is written. */
const written = (pattern: string, form: string) =>
  ofForm<string>({ schema: matching(pattern), form, read: text })

export const word = written('^\\S+$', 'a word without spaces')
export const title = written(`^${harmlessCharacter}{1,256}$`, 'one line of at most 256 characters')
export const name = written(
  '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
  'letters, digits, dot, underscore and dash, at most 128',
)
export const url = written(
  '^(https?://)?(\\[[0-9A-Fa-f:.]+\\]|[^\\s/@?#:\\[\\]]+)(:\\d{1,5})?(/[^\\s?#]*)?$',
  'the address of a server, such as https://runner.example:8080',
)
/** Where browsers reach a server, without a path. */
export const origin = written(
  '^https?://(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9.-]+)(:\\d{1,5})?/?$',
  'the address of a server, such as https://runner.example:8443, without a path',
)
export const issuer = written(
  '^https?://[^\\s?#@]+$',
  'the address of an identity provider, such as https://login.example/realms/ops',
)
/** Which people have which role; none without a line. */
export const oidcRoles = (): Key<OidcRole[]> =>
  makeKey({
    ...plain,
    schema: anyText,
    form: 'lines of CLAIM VALUE ROLE [NAMESPACE …]',
    absent: [],
    rules: [
      (name, value) => {
        const roles = parseOidcRoles(value)
        return roles.ok
          ? undefined
          : { message: `${name}: ${roles.failure}`, hint: 'write a line such as groups ops operator team-a' }
      },
    ],
    read: value => {
      const roles = parseOidcRoles(value)
      return roles.ok ? roles.value : []
    },
  })

/** The address of a web hook, which may have a secret in it: no complaint shows it. */
export const secretUrl = ofForm<string>({
  schema: anyText,
  form: 'the address of a web hook, such as https://chat.example/hooks/KEY',
  rules: [
    (name, value) =>
      isHookUrl(value)
        ? undefined
        : {
            message: `${name} is not the address of a web hook`,
            hint: 'write https://HOST/PATH, without user name, password and #',
          },
  ],
  read: text,
})

const mailbox = "[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}"
export const mailAddress = written(`^${mailbox}$`, 'an address such as runner@example.org')
/** Addresses with commas or line feeds between them, each once. */
export const mailAddresses = (): Key<string[]> =>
  names().must(
    all => all.every(one => new RegExp(`^${mailbox}$`).test(one)),
    'each must be an address such as admin@example.org',
  )

export const proxy = written('^https?://\\S+$', 'http://HOST:PORT')
export const engine = written(
  '^((unix://)?/.+|(tcp|http)://[^/]+:\\d{1,5}/?)$',
  'unix:///PATH or tcp://HOST:PORT',
)
