/*
 * Images of plugins that are made with the real SDKs. These are not part of this repository: RUNNER_TEST_SDK names a directory
 * with a copy of github.com/digital-ai/release-integration-sdk-python, and RUNNER_TEST_SDK_GO a program that was made of
 * test/fixtures/images/sdk/any.go in a copy of github.com/digital-ai/release-integration-sdk-go (CONTRIBUTING.md).
 */
import { chmodSync, copyFileSync, cpSync, existsSync, globSync } from 'node:fs'
import { join, relative } from 'node:path'
import { command } from './command.ts'
import type { Engine } from './engine.ts'
import { importImage, makeImage } from './images.ts'
import { debianArchive } from './machine.ts'
import { type Component, program, root } from './require.ts'
import { fixtures } from './rig.ts'

/** The directory with the sources of the SDK; empty: nobody has named one. */
export const sdkSources: string = process.env.RUNNER_TEST_SDK ?? ''

/** The program with the SDK of Go; empty: nobody has named one. */
export const goSdkProgram: string = process.env.RUNNER_TEST_SDK_GO ?? ''

const sources: Component = {
  missing: existsSync(join(sdkSources, 'digitalai', 'release', 'integration', 'wrapper.py'))
    ? undefined
    : 'RUNNER_TEST_SDK, a directory with the sources of the SDK of Python',
}

/** The components without which such an image cannot be made. */
export const sdkNeeds: Component[] = [root, program('debootstrap'), sources]

/** The modules that the SDK imports, as packages of Debian. */
const packages = [
  'python3-minimal',
  'python3-kubernetes',
  'python3-pycryptodome',
  'python3-dataclasses-json',
  'python3-requests',
  'python3-dateutil',
]

// The packages are unpacked only: to run their scripts takes ten times as long, and Python needs none of them.
const bootstrap = `
set -e
mount -t tmpfs none "$1"
root=$1/root
debootstrap --foreign --variant=minbase --include="$3" "$4" "$root" >&2
for package in "$root"/var/cache/apt/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -C "$root" --keep-directory-symlink -xf -
done
rm -rf "$root/debootstrap" "$root/var/cache/apt/archives" "$root/usr/share/doc" "$root/usr/share/locale" "$root/usr/share/man"
chroot "$root" python3 -m compileall -q /usr/lib/python3 /usr/lib/python3.11 >&2 || :
chroot "$root" python3 -c 'import kubernetes, Cryptodome, dataclasses_json, requests, dateutil'
tar -C "$root" -cf "$2" .
`

/** The files of Debian that the SDK needs: a minute or more where the cache does not have them. */
const sdkArchive = (): Promise<string> => debianArchive('sdk', bootstrap, packages)

/** The task `test.Any` of test/fixtures/images/sdk. */
export async function sdkImage(engine: Engine, name: string, ...changes: string[]): Promise<void> {
  const archive = await sdkArchive()
  const directory = join(engine.directory, `files-${name}`)
  const modules = 'usr/lib/python3/dist-packages'
  await command('mkdir', ['-p', join(directory, modules), join(directory, 'app')])
  cpSync(join(sdkSources, 'digitalai'), join(directory, modules, 'digitalai'), { recursive: true })
  cpSync(join(fixtures, 'images', 'sdk', 'com'), join(directory, modules, 'com'), { recursive: true })
  cpSync(join(fixtures, 'images', 'sdk', 'any.py'), join(directory, 'app', 'any.py'))
  const both = join(engine.directory, `${name}.tar`)
  await command('cp', [archive, both])
  // Files alone: docker import takes no directory twice.
  const files = globSync('**', { cwd: directory, withFileTypes: true }).filter(entry => entry.isFile())
  const names = files.map(({ parentPath, name }) => relative(directory, join(parentPath, name)))
  await command('tar', ['--owner=0', '--group=0', '--mode=a+rX', '-C', directory, '-rf', both, ...names])
  await importImage(engine, name, both, [
    'ENTRYPOINT ["python3", "-m", "digitalai.release.integration.wrapper"]',
    'WORKDIR /app',
    'USER 1001',
    ...changes,
  ])
}

/** The same task, made with the SDK of Go. The image has nothing but its program. */
export function goSdkImage(engine: Engine, name: string): Promise<void> {
  return makeImage(engine, name, {
    fill(root) {
      copyFileSync(goSdkProgram, join(root, 'plugin'))
      chmodSync(join(root, 'plugin'), 0o755)
    },
    changes: ['ENTRYPOINT ["/plugin"]', 'USER 1001'],
  })
}
