/*
 * What `npm pack` puts into the package instead of package.json: everything that runs is bundled in dist/, so it
 * has no dependencies, and no runtime of its own either. `--publish` before it is packed, `--restore` after.
 */
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

const manifest = 'package.json'
/** The manifest of the project while it is away. */
const kept = 'package.json.kept'

if (existsSync(kept)) renameSync(kept, manifest)
if (process.argv.includes('--publish')) {
  copyFileSync(manifest, kept)
  const { name, version, description, license, type, bin, man, files, engines } = JSON.parse(
    readFileSync(manifest, 'utf8'),
  )
  const published = { name, version, description, license, type, bin, man, files, engines }
  writeFileSync(manifest, `${JSON.stringify(published, null, 2)}\n`)
}
