import t from 'tap'
import { digestIn, isAllowed, mapped, withDigest } from '../../../src/remote/executors/image-reference.ts'

const digest = (digit: string) => `sha256:${digit.repeat(64)}`

t.test('a digest replaces the tag of a reference, and never its repository', async t => {
  for (const [reference, repository] of [
    ['box', 'box'],
    ['box:1', 'box'],
    ['team/box:1', 'team/box'],
    ['127.0.0.1:5000/team/box', '127.0.0.1:5000/team/box'],
    ['127.0.0.1:5000/team/box:1', '127.0.0.1:5000/team/box'],
  ] as const)
    t.equal(withDigest(reference, digest('a')), `${repository}@${digest('a')}`)
  t.equal(withDigest('box:1', undefined), 'box:1')
  t.equal(withDigest(`box@${digest('b')}`, digest('a')), `box@${digest('b')}`)
})

t.test('the digest of an image is that of the repository that was asked for', async t => {
  const names = [
    `mirror.example/box@${digest('a')}`,
    `box@${digest('b')}`,
    `mirror.example/team/box@${digest('c')}`,
  ]
  t.equal(digestIn('box:1', names), digest('b'))
  t.equal(digestIn('docker.io/library/box', names), digest('b'))
  t.equal(digestIn('mirror.example/box:2', names), digest('a'))
  t.equal(digestIn('other/box:1', names), undefined)
  t.equal(digestIn('box:1', ['box:1', 'box@sha512:abc']), undefined)
})

t.test('a pattern of a digest is not met by a name without one', async t => {
  t.notOk(isAllowed('box:1', [`box@${digest('a')}`]))
})

t.test('an image is pulled under the name that the first mapping which fits gives it', async t => {
  const mappings = [
    'acme/plugin:*=registry.example/acme/plugin:*',
    'docker.io/library/*:*=mirror.example/*:*',
    'docker.io/**=mirror.example/hub/**',
    'old.example/**/tools:*=new.example/**-tools:*',
  ]
  for (const [name, other] of [
    ['acme/plugin:1', 'registry.example/acme/plugin:1'],
    ['debian', 'mirror.example/debian:latest'],
    ['docker.io/library/debian:12', 'mirror.example/debian:12'],
    ['grafana/k6:1', 'mirror.example/hub/grafana/k6:1'],
    ['old.example/a/b/tools:3', 'new.example/a/b-tools:3'],
    ['other.example/debian:12', 'other.example/debian:12'],
    [`grafana/k6@${digest('a')}`, `mirror.example/hub/grafana/k6@${digest('a')}`],
  ] as const)
    t.equal(mapped(name, mappings), other)
  t.equal(mapped('a.b/(x)$:1', ['a.b/(x)$:*=c/$&:*']), 'c/$&:1', 'no letter of a name has a meaning')
  t.equal(mapped('box:1', []), 'box:1')
})
