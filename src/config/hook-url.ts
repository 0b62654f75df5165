/* Addresses of web hooks, which may have a secret in them. */

/** Whether a text can be the address of a web hook. */
export function isHookUrl(text: string): boolean {
  const url = URL.parse(text)
  return (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.hostname !== '' &&
    `${url.username}${url.password}${url.hash}` === '' &&
    /^[\x21-\x7e]{1,2048}$/.test(text)
  )
}

/** The address of a web hook as it may be shown: without its path, in which a secret may be. */
export function shownUrl(url: string): string {
  const origin = URL.parse(url)?.origin
  return origin === undefined || origin === 'null' ? '…' : `${origin}/…`
}
