import { Agent } from 'undici'
import { isHookUrl, shownUrl } from '../../config/hook-url.ts'
import type { WebhookSettings } from '../../config/sections/notify.ts'
import { fail, ok, type Result } from '../../result.ts'
import { readSecretFile } from '../../system/secret-file.ts'
import { checkedLookup, notAllowed } from './checked-lookup.ts'
import type { NoticeDelivery, Sent } from './delivery.ts'
import { caOf, failureText } from './failure-text.ts'
import { type Message, notTaken } from './message.ts'

const { createHmac } = process.getBuiltinModule('node:crypto')

/** Bytes of headers and body of an answer that are looked at, at most. */
const longestHeaders = 16 * 1024

/**
 * Posts a message to a web hook. Redirects are not followed, and of the answer only the status counts.
 */
export async function postWebhook(
  target: WebhookSettings,
  message: Message,
  { anywhere, now, signal, lookUp }: NoticeDelivery,
): Promise<Sent> {
  const url = urlOf(target)
  if (!url.ok) return notTaken(url.failure)
  const secret =
    target.secret_file === undefined ? undefined : readSecretFile('secret_file', target.secret_file)
  if (secret?.ok === false) return notTaken(secret.failure)
  const ca = caOf(target)
  if (!ca.ok) return notTaken(ca.failure)
  const shown = shownUrl(url.value.href)
  const body = JSON.stringify(message.body)
  const time = Math.floor(now().getTime() / 1000)
  const agent = new Agent({
    allowH2: false,
    maxHeaderSize: longestHeaders,
    connect: { minVersion: 'TLSv1.2', lookup: checkedLookup(anywhere, lookUp), ...ca.value },
  })
  try {
    const refused = notAllowed(url.value.hostname, anywhere)
    if (refused !== undefined) throw refused
    const answer = await agent.request({
      origin: url.value.origin,
      path: `${url.value.pathname}${url.value.search}`,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'runner',
        'runner-notification-id': message.id,
        ...(secret === undefined ? {} : { 'runner-signature': signatureOf(secret.value, time, body) }),
      },
      body,
      signal,
    })
    const { statusCode, headers } = answer
    // Nobody reads it, however long it is.
    answer.body.on('error', () => {}).destroy()
    if (statusCode >= 200 && statusCode < 300) return ok(null)
    const redirect = statusCode >= 300 && statusCode < 400 ? ', a redirect, which is not followed' : ''
    return notTaken(`${shown} answers ${statusCode}${redirect}`, secondsOf(headers['retry-after']))
  } catch (error) {
    return notTaken(failureText(shown, error, signal))
  } finally {
    await agent.destroy()
  }
}

/**
 * `t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>">`: a receiver with the secret can check the sender and
 * the time.
 */
function signatureOf(secret: string, time: number, body: string): string {
  return `t=${time},v1=${createHmac('sha256', secret).update(`${time}.${body}`).digest('hex')}`
}

function urlOf({ url, url_file }: WebhookSettings): Result<URL, string> {
  const text = url_file === undefined ? ok(url ?? '') : readSecretFile('url_file', url_file)
  if (!text.ok) return text
  return isHookUrl(text.value)
    ? ok(new URL(text.value))
    : fail(`url_file ${url_file} has not the address of a web hook in it: write https://HOST/PATH`)
}

function secondsOf(header: string | string[] | undefined): number | undefined {
  return typeof header === 'string' && /^\d{1,6}$/.test(header) ? Number(header) : undefined
}
