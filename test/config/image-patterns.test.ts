import t from 'tap'
import { crossing } from '../../src/config/image-patterns.ts'
import { isAllowed } from '../../src/remote/executors/image-reference.ts'

const cases: [pattern: string, allowed: string[], refused: string[]][] = [
  ['*', ['busybox', 'evil.example/a/b/c:1', 'a@sha256:1'], []],
  ['**', ['busybox', 'evil.example/a/b/c:1'], []],
  [
    '*.corp.example/*',
    ['a.corp.example/x', 'a.corp.example/x:1', 'a.corp.example/x@sha256:1'],
    [
      'evil.example/a.corp.example/x',
      'evil.example/.corp.example/x',
      'a.corp.example/x/y',
      'a/.corp.example/x',
    ],
  ],
  ['*.corp.example/**', ['a.corp.example/x/y/z:1'], ['evil.example/a.corp.example/x', 'corp.example/x']],
  ['**/app', ['evil.example/a/app', 'x/app'], ['app', 'evil.example/app2']],
  ['registry.example:5000/ops/*', ['registry.example:5000/ops/a:1'], ['registry.example/ops/a', 'x/ops/a']],
  ['busybox', ['busybox'], ['busybox:1', 'docker.io/library/busybox', 'evil.example/busybox']],
  [
    'docker.io/library/busybox:*',
    ['busybox', 'busybox:1', 'library/busybox', 'docker.io/library/busybox:2'],
    ['docker.io/evil/busybox', 'evil/busybox', 'evil.example/library/busybox'],
  ],
  ['docker.io/*', [], ['busybox', 'evil/x']],
  ['docker.io/**', ['busybox', 'a/b'], ['evil.example/x', 'localhost/x']],
  [
    'corp.example/app:1.*',
    ['corp.example/app:1.2'],
    ['corp.example/app:1.2@sha256:ff', 'corp.example/app:2'],
  ],
  [
    'corp.example/app@*',
    ['corp.example/app@sha256:ff', 'corp.example/app:1@sha256:ff'],
    ['corp.example/app'],
  ],
  ['corp.example/app:1@sha256:ff', ['corp.example/app:1@sha256:ff'], ['corp.example/app@sha256:ff']],
  ['a.b/[x]+(y)', ['a.b/[x]+(y)'], ['aXb/x', 'a.b/xy']],
]

for (const [pattern, allowed, refused] of cases)
  t.test(`images = ${pattern}`, async t => {
    for (const reference of allowed) t.equal(isAllowed(reference, [pattern]), true, reference)
    for (const reference of refused) t.equal(isAllowed(reference, [pattern]), false, reference)
  })

t.test('a pattern that may have been meant to cross a slash is known, and what to write for it', async t => {
  const wider = {
    '*': undefined,
    '**': undefined,
    busybox: undefined,
    '*.corp.example/app': undefined,
    '*.corp.example/**': undefined,
    'corp.example/app:1.*': undefined,
    'corp.example/app@*': undefined,
    'localhost:*/app': undefined,
    '*.corp.example/*': '*.corp.example/**',
    'corp.example:5000/*:1.*': 'corp.example:5000/**:1.*',
    'corp.example/*/app*': 'corp.example/**/app**',
    'docker.io/*': 'docker.io/**',
    '*/app': '**/app',
    'team/*': 'team/**',
    'corp*': 'corp**',
  }
  for (const [pattern, written] of Object.entries(wider)) t.equal(crossing(pattern), written, pattern)
})
