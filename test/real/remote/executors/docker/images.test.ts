import { randomBytes } from 'node:crypto'
import { globSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ImageCollector } from '../../../../../src/remote/executors/docker/image-gc.ts'
import { Images, pullLimits } from '../../../../../src/remote/executors/docker/images.ts'
import type { PullProgress } from '../../../../../src/remote/executors/image.ts'
import { command } from '../../../../support/command.ts'
import { EngineRig, edges, executorNeeds, settings } from '../../../../support/executors.ts'
import { makeImage, withBusybox } from '../../../../support/images.ts'
import { eventually, Registry, registryNeeds } from '../../../../support/registry.ts'
import { testWith } from '../../../../support/require.ts'

t.setTimeout(900_000)

const needs = [...executorNeeds, ...registryNeeds]

testWith(t, 'images', needs, async t => {
  await using rig = await EngineRig.start()
  const { engine } = rig
  const name = '127.0.0.1:5000/team/box:1'
  await makeImage(engine, name, { fill: withBusybox, changes: ['CMD ["true"]'] })
  const prepare = (reference: string, changes = {}, onProgress?: (progress: PullProgress) => void) =>
    rig.images(changes).prepare(reference, onProgress)
  const test = (title: string, body: (t: Test) => Promise<void>) => t.test(title, body)

  await test('a missing image is pulled, with progress; never and always do what they say', async t => {
    await using _registry = new Registry(rig.engine, 5000)
    await eventually(() => engine.docker('push', '--quiet', name))
    await engine.docker('rmi', name)
    t.match(await prepare(name), { failure: { reason: 'image-missing' } }, 'never')
    const seen: PullProgress[] = []
    const found = await prepare(name, { pull: 'missing' }, progress => seen.push({ ...progress }))
    t.match(found, { ok: true, value: { command: ['true'], reference: name } })
    t.match(seen.at(-1), { image: name, layers: 1, layers_done: 1 })
    t.match(await prepare(name, { pull: 'always' }), { ok: true })
    t.match(await prepare('127.0.0.1:5000/team/box:2', { pull: 'missing' }), {
      failure: { reason: 'image-not-pulled', message: /team\/box:2 .*(not found|unknown)/ },
    })
  })

  await test('a pull that breaks off is a failure that says so, whatever is here of an earlier one', async t => {
    await using registry = new Registry(rig.engine, 5004)
    const broken = '127.0.0.1:5004/team/broken:1'
    const own = (root: string) => writeFileSync(join(root, 'own'), randomBytes(100_000))
    await makeImage(engine, broken, { fill: own, changes: ['CMD ["true"]'] })
    await eventually(() => engine.docker('push', '--quiet', broken))
    const largest = (paths: string[]) => paths.sort((a, b) => statSync(b).size - statSync(a).size)[0]!
    rmSync(largest(globSync(join(registry.directory, 'docker/registry/v2/blobs/*/*/*/data'))))
    await engine.docker('rmi', broken)
    const said = {
      failure: { reason: 'image-not-pulled', message: /broken:1 was not pulled: .*(blob|unknown)/ },
    }
    t.match(await prepare(broken, { pull: 'missing' }), said)
    await engine.docker('tag', name, broken)
    t.match(await prepare(broken, { pull: 'always' }), said)
  })

  await test('two jobs that want the same image at once pull it once', async t => {
    await using _registry = new Registry(rig.engine, 5001)
    const other = '127.0.0.1:5001/team/box:1'
    await engine.docker('tag', name, other)
    await eventually(() => engine.docker('push', '--quiet', other))
    await engine.docker('rmi', other)
    const images = rig.images({ pull: 'missing' })
    const stop = new AbortController()
    const all = [images.prepare(other, undefined, stop.signal), images.prepare(other), images.prepare(other)]
    // A caller that does not want the image any more takes it from nobody else.
    stop.abort()
    t.match(await Promise.all(all), [{ ok: false }, { ok: true }, { ok: true }])
  })

  await test('credentials come from a file as docker login writes it', async t => {
    const directory = engine.directory
    // bcrypt of `geheim`.
    writeFileSync(
      join(directory, 'users'),
      'me:$2y$05$abcdefghijklmnopqrstuuVWu8RjbNovPZWAMRdd7iqaaG0mI53Uu\n',
    )
    const realm = `auth: { htpasswd: { realm: test, path: ${directory}/users } }`
    await using _registry = new Registry(rig.engine, 5002, [realm])
    const guarded = '127.0.0.1:5002/team/box:1'
    await engine.docker('tag', name, guarded)
    const config = ['--config', join(directory, 'docker')]
    await eventually(() => engine.docker(...config, 'login', '-u', 'me', '-p', 'geheim', '127.0.0.1:5002'))
    await engine.docker(...config, 'push', '--quiet', guarded)
    await engine.docker('rmi', guarded)
    const auth = (text: string) => {
      writeFileSync(join(directory, 'auth.json'), text)
      return { pull: 'missing' as const, registry_auth_file: join(directory, 'auth.json') }
    }
    const entry = (password: string) =>
      JSON.stringify({
        auths: { '127.0.0.1:5002': { auth: Buffer.from(`me:${password}`).toString('base64') } },
      })
    for (const [text, said] of [
      ['{}', /no basic auth credentials|unauthorized/],
      [entry('wrong'), /unauthorized/],
      ['geheim', /auth.json cannot be read: it is not JSON/],
    ] as const) {
      const refused = await prepare(guarded, auth(text))
      t.match(refused, { failure: { reason: 'image-not-pulled', message: said } })
      t.notMatch(JSON.stringify(refused), /geheim/)
    }
    t.match(await prepare(guarded, auth(entry('geheim'))), { ok: true })

    const team = { auth: Buffer.from('me:geheim').toString('base64') }
    const wrong = { auth: Buffer.from('me:wrong').toString('base64') }
    const both = { auths: { '127.0.0.1:5002': wrong, '127.0.0.1:5002/team': team } }
    const image_mappings = ['hub.example/**=127.0.0.1:5002/**']
    const mapped = { ...auth(JSON.stringify(both)), image_mappings, images: ['hub.example/**'] }
    t.match(await prepare('hub.example/team/box:1', { ...mapped, pull: 'always' }), { ok: true })
    t.match(
      await prepare(guarded, mapped),
      { failure: { reason: 'image-not-allowed' } },
      'a job names the first',
    )
  })

  await test('a registry that is not there, or says nothing, is a failure that says so', async t => {
    t.match(await prepare('127.0.0.1:5009/x:1', { pull: 'missing' }), {
      failure: { reason: 'image-not-pulled', message: /connection refused/ },
    })
    const { silence } = pullLimits
    pullLimits.silence = 1
    try {
      const gone = await prepare('10.255.255.1:5000/x:1', { pull: 'missing' })
      t.match(gone, { ok: false, failure: { reason: 'image-not-pulled' } })
      t.match(await prepare('box:1', { images: ['registry.example/*', '*/team/*'] }), {
        failure: { reason: 'image-not-allowed' },
      })
      t.match(await prepare(name, { images: ['127.0.0.1:5000/team/*'] }), { ok: true })
      const { id } = await rig.image(name)
      t.match(
        await prepare(id, { images: ['sha256*'] }),
        { failure: { reason: 'image-not-allowed' } },
        'ids are no names',
      )
    } finally {
      pullLimits.silence = silence
    }
  })

  await test('on a disk that fills up, what this runner has pulled goes, the longest unwanted first', async t => {
    await using _registry = new Registry(rig.engine, 5003)
    const at = (name: string) => `127.0.0.1:5003/${name}:1`
    const fill = (root: string) => {
      withBusybox(root)
      writeFileSync(join(root, 'much'), randomBytes(8 * 1024 ** 2))
    }
    for (const name of ['a', 'b', 'c', 'theirs']) {
      await makeImage(engine, at(name), { fill, changes: ['CMD ["true"]'] })
      await eventually(() => engine.docker('push', '--quiet', at(name)))
      if (name !== 'theirs') await engine.docker('rmi', at(name))
    }
    const data = `${engine.root}${rig.facts.root}`
    /** Makes the disk of the engine so small that this share of it is taken, or so many bytes are free. */
    const take = async (share: number, free = 0) => {
      const { blocks, bfree, bsize } = statfsSync(data)
      const size = Math.ceil(((blocks - bfree) * bsize) / share) + free
      const remount = ['mount', '-o', `remount,size=${size}`, rig.facts.root]
      await command('nsenter', [`--mount=${engine.mounts}`, ...remount])
    }
    let now = Date.parse('2026-01-01T00:00:00Z')
    const clock = { ...edges.clock, now: () => new Date(now) }
    const removed: string[] = []
    const start = (engineId = rig.facts.id) => {
      const collector = new ImageCollector({
        engine: rig.client,
        engineId,
        root: data,
        path: join(engine.directory, 'images.json'),
        clock,
        onRemoved: reference => removed.push(reference),
      })
      return {
        collector,
        images: new Images(rig.client, { ...settings, pull: 'missing' }, edges.clock, collector),
      }
    }
    const here = async () =>
      (await engine.docker('images', '--format', '{{.Repository}}'))
        .split('\n')
        .flatMap(line => /^127\.0\.0\.1:5003\/(.*)/.exec(line)?.[1] ?? [])
        .sort()

    const first = start()
    for (const name of ['a', 'b', 'c', 'theirs']) {
      t.match(await first.images.prepare(at(name)), { ok: true })
      now += 1000
    }
    // Wanted again: b is the oldest now.
    await first.images.prepare(at('a'))
    await take(0.5)
    now += 3600_000
    await first.collector.collect()
    t.same(await here(), ['a', 'b', 'c', 'theirs'], 'there is room')

    await take(0.9)
    await start('another engine').collector.collect()
    t.same(await here(), ['a', 'b', 'c', 'theirs'], 'what another engine has pulled is not known here')

    const { collector, images } = start()
    await collector.collect()
    t.same(removed, [at('b')], 'one is enough, and the next process knows of it')
    t.same(await here(), ['a', 'c', 'theirs'])

    const used = await engine.docker('run', '-d', '--network', 'none', at('c'), 'sleep', '1000')
    await images.prepare(at('a'))
    await take(0.99)
    await collector.collect()
    t.same(await here(), ['a', 'c', 'theirs'], 'one is used by a container, one was wanted just now')
    now += 121_000
    await collector.collect()
    t.same(await here(), ['c', 'theirs'])
    await engine.docker('rm', '-f', used.trim())
    await take(0.99)
    await collector.collect()
    t.same(await here(), ['theirs'], "what was there before is nobody else's")
    await take(0.2)
    t.match(await images.prepare(at('a')), { ok: true }, 'what is wanted again comes again')
    // Somebody has named it, and its own name leads elsewhere.
    await engine.docker('tag', at('a'), 'kept:1')
    await engine.docker('tag', at('theirs'), at('a'))
    now += 3600_000
    await collector.collect({ all: true })
    t.match(await engine.docker('images', 'kept'), /kept +1 /)
    await engine.docker('rmi', 'kept:1', at('a'))
    t.match(await images.prepare(at('a')), { ok: true })
    now += 3600_000
    // It wants 16 MiB while it is unpacked, and gets 8 of a.
    await take(1, 12 * 1024 ** 2)
    t.match(await images.prepare(at('b')), { ok: true }, 'a pull that finds no room makes some')
    t.same(await here(), ['b', 'theirs'])
  })
})
