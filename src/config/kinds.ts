/* What the text of a value means (load.ts makes of it what it is), and a key that has one. */

/** What a value's text means, with the pattern it must have. */
export const definitions = {
  seconds: { type: 'string', pattern: '^(\\d{1,12}(\\.\\d{0,9})?|\\.\\d{1,9})$' },
  factor: { type: 'string', pattern: '^(\\d{1,6}(\\.\\d{0,9})?|\\.\\d{1,9})$' },
  count: { type: 'string', pattern: '^0*[1-9]\\d{0,8}$' },
  size: { type: 'string', pattern: '^\\d{1,12}[kKMGT]?$' },
  flag: { type: 'string', pattern: '^(yes|no)$' },
  choice: { type: 'string', enum: ['beginning', 'failed'] },
  command: { type: 'string' },
  path: { type: 'string' },
  names: { type: 'string' },
  days: { type: 'string', pattern: '^\\d{1,6}(\\.\\d{0,9})?$' },
  address: { type: 'string', pattern: '^(\\[[0-9A-Fa-f:.%a-z]+\\]|[^\\s:\\[\\]/]*):\\d{1,5}$' },
  database: { type: 'string', pattern: '^(sqlite:.|postgres(ql)?://.)' },
  engine: { type: 'string', pattern: '^((unix://)?/.+|(tcp|http)://[^/]+:\\d{1,5}/?)$' },
  pull: { type: 'string', enum: ['missing', 'always', 'never'] },
  reuse: { type: 'string', enum: ['domain', 'job', 'never'] },
  number: { type: 'string', pattern: '^(\\d{1,6}(\\.\\d{0,9})?|\\.\\d{1,9})$' },
  word: { type: 'string', pattern: '^\\S+$' },
  url: {
    type: 'string',
    pattern: '^(https?://)?(\\[[0-9A-Fa-f:.]+\\]|[^\\s/@?#:\\[\\]]+)(:\\d{1,5})?(/[^\\s?#]*)?$',
  },
  proxy: { type: 'string', pattern: '^https?://\\S+$' },
  name: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$' },
  title: { type: 'string', pattern: '^[^\\x00-\\x1f\\x7f]{1,256}$' },
  stopping: { type: 'string', enum: ['drain', 'detach'] },
  losing: { type: 'string', enum: ['run', 'abort'] },
} as const

export type Kind = keyof typeof definitions

/** What a person reads where a value does not have the form of its kind. */
export const kindTexts: Record<Kind, string> = {
  seconds: 'a number of seconds, 0 or more, such as 5 or 0.25',
  factor: 'a number, 0 or more, such as 1.14',
  count: 'a whole number, 1 or more',
  size: 'a number of bytes, or one with k, M, G or T behind it, such as 64M',
  flag: 'yes or no',
  choice: 'beginning or failed',
  command: 'a command, split into words as a shell does',
  path: 'a path',
  names: 'names with commas between them',
  days: 'a number of days, 0 or more',
  address: 'an address and a port, such as 127.0.0.1:8080, [::1]:8080 or :8080 for all addresses',
  database: 'sqlite:PATH or postgres://USER@HOST/NAME',
  engine: 'unix:///PATH or tcp://HOST:PORT',
  pull: 'missing, always or never',
  reuse: 'domain, job or never',
  number: 'a number, such as 2 or 0.5',
  word: 'a word without spaces',
  url: 'the address of a server, such as https://runner.example:8080',
  proxy: 'http://HOST:PORT',
  name: 'letters, digits, dot, underscore and dash, at most 128',
  title: 'one line of at most 256 characters',
  stopping: 'drain or detach',
  losing: 'run or abort',
}

export interface Key {
  $ref: `#/definitions/${Kind}`
  default?: string
  description: string
}

/** The kind of a key's value. */
export function kindOf(key: Key): Kind {
  return key.$ref.slice(key.$ref.lastIndexOf('/') + 1) as Kind
}

/** A reference to a kind, as a schema has it. */
export const kind = (name: Kind): Key['$ref'] => `#/definitions/${name}`
