import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { command } from './command.ts'
import type { Engine } from './engine.ts'
import { debianArchive } from './machine.ts'

const packages = ['libatomic1', 'libstdc++6', 'busybox-static']

/*
 * The files of all packages, and what dpkg knows of packages that are configured. Their own scripts are not run: emulated,
 * that would take minutes.
 */
const bootstrap = `
set -e
mount -t tmpfs none "$1"
debootstrap --foreign --arch=arm64 --variant=minbase --include="$3" "$4" "$1/root" >&2
cd "$1/root"
: >var/lib/dpkg/status
for deb in var/cache/apt/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$deb" | tar -xf - --keep-directory-symlink
  dpkg-deb -f "$deb" | sed '/^Package:/a Status: install ok installed' >>var/lib/dpkg/status
  echo >>var/lib/dpkg/status
done
cp usr/share/base-passwd/passwd.master etc/passwd
cp usr/share/base-passwd/group.master etc/group
rm -rf debootstrap var/cache/apt/archives/*.deb var/lib/apt/lists/*
tar -cf "$2" .
`

/** Makes an image of the archive ($1) in an empty directory: \`docker import\` of older engines names their own architecture. */
const load = `
ln -s "$1" layer.tar
sum=$(sha256sum <"$1" | cut -d ' ' -f 1)
printf '{"architecture":"arm64","os":"linux","config":{"Env":["PATH=%s"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \\
  /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$sum" >config.json
printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$2" >manifest.json
tar -ch manifest.json config.json layer.tar | docker -H "unix://$3" load
`

/** Gives an engine an image of Debian for arm64, with what the image of runner would get from the archive. */
export async function loadArmImage(engine: Engine, name: string): Promise<void> {
  const archive = await debianArchive('machine-arm64', bootstrap, packages)
  const folder = join(engine.directory, 'arm-image')
  mkdirSync(folder)
  const words = ['-ec', load, 'sh', archive, name, engine.socket]
  await command('sh', words, { cwd: folder, timeout: 300 })
}
