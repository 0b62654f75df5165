import { connect, type Socket } from 'node:net'
import type { SMTPConnectionSendInfo } from 'nodemailer/lib/smtp-connection'
import type { EmailSettings } from '../../config/sections/notify.ts'
import { ok } from '../../result.ts'
import { blanked } from '../../system/printable.ts'
import { readSecretFile } from '../../system/secret-file.ts'
import { checkedLookup, notAllowed } from './checked-lookup.ts'
import type { NoticeDelivery, Sent } from './delivery.ts'
import { caOf, failureText } from './failure-text.ts'
import { type Message, notTaken } from './message.ts'

/** Characters of a subject, at most. */
const longestSubject = 200
/** Bytes of one answer of a mail server, at most. */
const longestAnswer = 64 * 1024

/** Sends a message as a mail, to all addresses of the target that the server takes. Loads nodemailer. */
export async function sendMail(
  target: EmailSettings,
  message: Message,
  { anywhere, now, signal, lookUp }: NoticeDelivery,
): Promise<Sent> {
  const { host, port, user, password_file, from, to } = target
  const password = password_file === undefined ? undefined : readSecretFile('password_file', password_file)
  if (password?.ok === false) return notTaken(password.failure)
  const ca = caOf(target)
  if (!ca.ok) return notTaken(ca.failure)
  const [{ default: Connection }, { default: MimeNode }] = await Promise.all([
    import('nodemailer/lib/smtp-connection'),
    import('nodemailer/lib/mime-node'),
  ])
  const mail = new MimeNode('text/plain; charset=utf-8')
  mail.setHeader({
    From: from,
    To: to,
    Subject: blanked(message.subject).slice(0, longestSubject).toWellFormed(),
    Date: now().toUTCString().replace('GMT', '+0000'),
    'Message-ID': `<${message.id}@${from.split('@')[1]}>`,
    'Auto-Submitted': 'auto-generated',
    'Runner-Notification-Id': message.id,
  })
  mail.setContent(mailText(message))
  const shown = `${host}:${port}`
  let socket: Socket | undefined
  const end = () => socket?.destroy()
  signal.addEventListener('abort', end, { once: true })
  try {
    const refused = notAllowed(host, anywhere)
    if (refused !== undefined) throw refused
    socket = await connected(connect({ host, port, lookup: checkedLookup(anywhere, lookUp) }))
    if (signal.aborted) throw new Error('too late')
    const connection = new Connection({
      host,
      port,
      connection: socket,
      maxResponseSize: longestAnswer,
      socketCloseTimeout: 0,
      secure: target.tls === 'tls',
      requireTLS: target.tls === 'starttls',
      ignoreTLS: target.tls === 'none',
      tls: { minVersion: 'TLSv1.2', ...ca.value },
    })
    const raw = await mail.build()
    const info = await new Promise<SMTPConnectionSendInfo>((resolve, reject) => {
      // An error of the connection, at whatever step: those of commands come to their callbacks too.
      connection.on('error', reject)
      connection.on('end', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })))
      const next = (step: () => void) => (error?: Error | null) => (error ? reject(error) : step())
      const send = () =>
        connection.send({ from, to }, raw, (error, info) => (info ? resolve(info) : reject(error)))
      connection.connect(
        next(() =>
          password === undefined
            ? send()
            : connection.login({ credentials: { user, pass: password.value } }, next(send)),
        ),
      )
    })
    connection.on('error', () => {})
    connection.quit()
    // A second try would send the mail again to recipients that have it.
    const { rejected } = info
    return ok(rejected.length === 0 ? null : `${shown} does not take mails to ${rejected.join(', ')}`)
  } catch (error) {
    return notTaken(smtpText(shown, error) ?? failureText(shown, error, signal))
  } finally {
    signal.removeEventListener('abort', end)
    socket?.destroy()
  }
}

function connected(socket: Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

/** The refusal of a mail server, in a few words; undefined: it has not refused anything. */
function smtpText(shown: string, error: unknown): string | undefined {
  const { responseCode, command } = error as { responseCode?: number; command?: string }
  if (responseCode === undefined) return undefined
  const about = command === undefined || command === 'CONN' ? '' : ` to ${command.split(' ')[0]}`
  return `${shown} answers ${responseCode}${about}`
}

/** The text of a mail: the sentence, and then the facts. */
function mailText({ text, body }: Message): string {
  const facts = Object.entries(body).filter(
    ([name, value]) => name !== 'text' && (typeof value === 'string' || typeof value === 'number'),
  )
  return `${text}\n\n${facts.map(([name, value]) => `${name}: ${value}`).join('\n')}\n`
}
