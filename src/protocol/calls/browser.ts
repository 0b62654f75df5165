import type { CallSpec } from '../call.ts'
import {
  BrowserCode,
  BrowserSession,
  BrowserSessionOpen,
  OidcAnswer,
  SignInWays,
} from '../messages/browser.ts'
import { browserRoles } from '../messages/token-kinds.ts'
import { plain } from './parts.ts'

/** The sessions of browsers. */
export const browserCalls = {
  openBrowserSession: {
    method: 'POST',
    path: '/v1/browser-session',
    summary: 'Sign a browser in with a token or a code: the answer sets its cookie',
    access: ['open'],
    reach: 'own',
    body: BrowserSessionOpen,
    answers: { 200: BrowserSession },
  },
  getBrowserSession: {
    method: 'GET',
    path: '/v1/browser-session',
    summary: 'The session of the calling browser',
    access: browserRoles,
    reach: 'own',
    keyless: true,
    query: plain,
    answers: { 200: BrowserSession },
  },
  endBrowserSession: {
    method: 'DELETE',
    path: '/v1/browser-session',
    summary: 'Sign the calling browser out: its open calls end within 5 s',
    access: browserRoles,
    reach: 'own',
    answers: { 204: null },
  },
  createBrowserCode: {
    method: 'POST',
    path: '/v1/browser-codes',
    summary: 'Make a code that signs one browser in with the rights of the calling token, within 10 minutes',
    access: browserRoles,
    reach: 'own',
    answers: { 201: BrowserCode },
  },
  signInWays: {
    method: 'GET',
    path: '/v1/sign-in',
    summary: 'How people may sign in on the page, beside a token',
    access: ['open'],
    reach: 'fleet',
    query: plain,
    answers: { 200: SignInWays },
  },
  startOidc: {
    method: 'GET',
    path: '/v1/oidc/start',
    summary: 'Send the browser to the identity provider',
    access: ['open'],
    reach: 'own',
    shown: true,
    answers: { 302: null },
  },
  finishOidc: {
    method: 'GET',
    path: '/v1/oidc/callback',
    summary: 'Sign in the person whom the identity provider has sent back',
    access: ['open'],
    reach: 'own',
    shown: true,
    query: OidcAnswer,
    answers: { 200: ['text/html'] },
  },
} as const satisfies Record<string, CallSpec>
