import t from 'tap'
import { pulledAs, pullSecretsOf } from '../../../../src/remote/executors/kubernetes/image.ts'

t.test('an image is pulled under its mapped name, with the digest of an earlier attempt', async t => {
  const settings = { images: ['docker.io/**'], image_mappings: ['docker.io/**=mirror.example/**'] }
  const digest = `sha256:${'a'.repeat(64)}`
  t.same(pulledAs('a/b:1', undefined, settings), { ok: true, value: 'mirror.example/a/b:1' })
  t.same(pulledAs('a/b:1', digest, settings), { ok: true, value: `mirror.example/a/b@${digest}` })
  t.match(pulledAs('other.example/a', undefined, settings), {
    ok: false,
    failure: { reason: 'image-not-allowed', retry: 'never' },
  })
})

t.test('an image is pulled with the secrets of all patterns that fit', async t => {
  const mappings = ['registry.example/**=one', 'registry.example/team/*=two', 'docker.io/**=hub', '*=one']
  t.same(pullSecretsOf('registry.example/team/app:1', mappings), ['one', 'two'])
  t.same(pullSecretsOf('busybox', mappings), ['hub', 'one'])
  t.same(pullSecretsOf('busybox', []), [])
})
