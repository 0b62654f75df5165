import { isLoopback } from '../../system/loopback.ts'
import type { Diagnostic } from '../diagnostic.ts'
import { count, mailAddress, mailAddresses, names, oneOf, path, secretUrl, title, word } from '../forms.ts'
import { shownUrl } from '../hook-url.ts'
import type { Keys, SettingsOf } from '../key.ts'
import { checkTogether, complaint, defineSection, type Entries } from '../section.ts'
import type { Setting } from '../setting.ts'

const ofWebhooks = {
  url: secretUrl().doc('Where messages go. An address with a secret in it is better kept in `url_file`.'),
  url_file: path().doc('File with the address instead, mode 0600; it is read for each message.'),
  secret_file: path().doc(
    'File with a secret, mode 0600: each message is signed with it (`Runner-Signature`).',
  ),
}

const ofMails = {
  host: word().doc('The mail server.'),
  port: count().doc('Its port; by default 587 with `starttls`, 465 with `tls`, 25 with `none`.'),
  tls: oneOf('starttls', 'tls', 'none').doc(
    'Encryption: begun by STARTTLS, or from the first byte, or none, as for a mail server on this host.',
  ),
  user: title().doc('User name at the mail server; needs `password_file`.'),
  password_file: path().doc('File with the password of `user`, mode 0600; it is read for each message.'),
  from: mailAddress().doc('The address from which mails come.'),
  to: mailAddresses().doc('The addresses to which mails go, with commas between them.'),
}

const keys = {
  type: oneOf('webhook', 'email').doc('The way of messages: to a web hook as JSON, or as mails.'),
  ...ofWebhooks,
  ...ofMails,
  ca_file: path().doc('Certificates in PEM of the CAs to trust, instead of those that Node.js knows.'),
  namespaces: names().doc('The namespaces whose jobs may name this target; by default all.'),
} satisfies Keys

/** `[notify.NAME]`: a target of notifications. */
export const notify = defineSection({
  about:
    'A target of notifications about jobs, by the name behind the dot; there may be many such sections. ' +
    'Relative paths are relative to this file.',
  keys,
  settings,
  check,
})

/** A target of notifications, without its name. */
export type NotifySettings = ReturnType<typeof settings>
export interface WebhookSettings {
  type: 'webhook'
  url?: string | undefined
  url_file?: string | undefined
  secret_file?: string | undefined
  ca_file?: string | undefined
  /** Undefined: all. */
  namespaces: string[] | undefined
}
export interface EmailSettings {
  type: 'email'
  host: string
  port: number
  tls: 'starttls' | 'tls' | 'none'
  user?: string | undefined
  password_file?: string | undefined
  from: string
  to: string[]
  ca_file?: string | undefined
  namespaces: string[] | undefined
}

const ports = { starttls: 587, tls: 465, none: 25 }

function settings(values: SettingsOf<typeof keys>): WebhookSettings | EmailSettings {
  const { type, url, url_file, secret_file, ca_file, namespaces, ...mail } = values
  const shared = { ca_file, namespaces: namespaces.length === 0 ? undefined : namespaces }
  if (type === 'webhook') return { type, url, url_file, secret_file, ...shared }
  const { host = '', from = '', port = ports[mail.tls] } = mail
  return { type, ...mail, host, from, port, ...shared }
}

/** The files that a target reads, by their keys; those with a secret first. */
export function filesOfTarget(target: NotifySettings): {
  secret: [string, string][]
  plain: [string, string][]
} {
  const all =
    target.type === 'webhook'
      ? { url_file: target.url_file, secret_file: target.secret_file }
      : { password_file: target.password_file }
  const named = (files: Record<string, string | undefined>) =>
    Object.entries(files).flatMap(([key, file]) =>
      file === undefined ? [] : [[key, file] as [string, string]],
    )
  return { secret: named(all), plain: named({ ca_file: target.ca_file }) }
}

function check(entries: Entries): Diagnostic[] {
  const type = entries.get('type')?.value === 'email' ? 'email' : 'webhook'
  const [own, foreign] = type === 'email' ? [ofMails, ofWebhooks] : [ofWebhooks, ofMails]
  const other = type === 'email' ? 'webhook' : 'email'
  const ownType = entries.has('type') ? 'not' : `${type}, the default`
  const wrong = Object.keys(foreign)
    .filter(key => entries.has(key))
    .map(key =>
      complaint(
        entries,
        key,
        `${key} is a key of targets with type = ${other}, and this one is ${ownType}`,
        `set type = ${other}, or leave ${key} out: ${Object.keys(own).join(', ')} are for ${type}`,
      ),
    )
  const findings = [...wrong, ...(type === 'email' ? checkMail(entries) : checkWebhook(entries))]
  return wrong.length > 0 ? wrong : findings
}

function checkWebhook(entries: Entries): Diagnostic[] {
  if (entries.has('url') && entries.has('url_file'))
    return [complaint(entries, 'url', 'url and url_file are both set', 'leave one of them out')]
  if (!entries.has('url') && !entries.has('url_file'))
    return [missing(entries, 'url', 'set url or url_file to the address of the web hook')]
  return []
}

function checkMail(entries: Entries): Diagnostic[] {
  const needed = {
    host: 'the mail server',
    from: 'the address from which mails come',
    to: 'those who get them',
  }
  const absent = Object.entries(needed)
    .filter(([key]) => (entries.get(key)?.value ?? '') === '')
    .map(([key, what]) => missing(entries, key, `set ${key} to ${what}`))
  const together = checkTogether(entries, [
    ['user', 'password_file'],
    ['password_file', 'user'],
  ])
  const host = entries.get('host')?.value ?? ''
  const inClear =
    entries.has('user') && entries.get('tls')?.value === 'none' && !isLoopback(host)
      ? [
          complaint(
            entries,
            'tls',
            `the password of user would go to ${host} in clear`,
            'set tls to starttls or tls',
          ),
        ]
      : []
  return [...absent, ...together, ...inClear]
}

/** A complaint about a key that is not there, at the place of the first one that is. */
function missing(entries: Entries, key: string, hint: string): Diagnostic {
  const [first] = entries.keys()
  return complaint(entries, first ?? key, `${key} is not set`, hint)
}

const family = 'notify'
const named = /^notify\.([A-Za-z0-9][A-Za-z0-9._-]{0,127})$/

/** The name of the target that a section describes; undefined: it describes none. */
export const targetOfSection = (section: string): string | undefined => named.exec(section)?.[1]

/** Whether a section is of this family, whatever its name. */
export const isNotifySection = (section: string): boolean => section.startsWith(`${family}.`)

/** The entries of a section as they may be shown: an address may have a secret in its path. */
export function shownEntries(section: string, entries: Entries): Entries {
  if (!isNotifySection(section)) return entries
  const shown = ([key, setting]: [string, Setting]): [string, Setting] =>
    key === 'url' ? [key, { ...setting, value: shownUrl(setting.value) }] : [key, setting]
  return new Map([...entries].map(shown))
}
