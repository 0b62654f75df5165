/**
 * The headers of every page, and of every file of it: no page of another site reaches it, and it runs no
 * script but its own.
 */
export const pageHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
    "connect-src 'self'; worker-src 'self'; " +
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/** The media type of a page. */
export const pageType = 'text/html; charset=utf-8'

/**
 * A page of one sentence, with a link to the page of the server, to which it goes by itself where `goesOn`.
 */
export function smallPage(sentence: string, goesOn: boolean): string {
  const width = '<meta name="viewport" content="width=device-width">'
  const refresh = goesOn ? '<meta http-equiv="refresh" content="0; url=/">' : ''
  const text = sentence.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
  return `<!doctype html>
<html lang="en"><meta charset="utf-8">${width}${refresh}<title>runner</title>
<p>${text}</p><p><a href="/">Go to the page of the server</a></p></html>
`
}
