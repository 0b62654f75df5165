/* The facts about tokens that commands need. Importing the schemas would slow down each start. */

/** The kinds of token. A token's kind is its role. */
export const tokenKinds = ['admin', 'operator', 'submitter', 'viewer', 'registration', 'runner'] as const
export type TokenKind = (typeof tokenKinds)[number]
/** The kinds that an administrator makes; a runner's token comes from its registration. */
export const madeKinds = ['admin', 'operator', 'submitter', 'viewer', 'registration'] as const

/** The kinds with which a person signs in on the page of the server. */
export const browserRoles = ['admin', 'operator', 'submitter', 'viewer'] as const
export type BrowserRole = (typeof browserRoles)[number]

/** In a list of namespaces: all of them, those of later too. */
export const everyNamespace = '*'
