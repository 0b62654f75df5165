/*
 * Builds dist/ and packs it for npm, in a folder of its own: everything that runs is bundled in dist/, so the manifest
 * has no dependencies and no runtime. `npm run pack -- --pack-destination DIR` puts the package elsewhere.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'

const { name, version, description, license, type, bin, man, files, engines } = JSON.parse(
  readFileSync('package.json', 'utf8'),
)
const folder = mkdtempSync(join(tmpdir(), 'runner-pack-'))
try {
  for (const file of [...files, 'README.md', 'LICENSE']) cpSync(file, join(folder, file), { recursive: true })
  const manifest = { name, version, description, license, type, bin, man, files, engines }
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  // .npmrc names another destination.
  const words = ['pack', folder, '--pack-destination=.', ...process.argv.slice(2)]
  process.exitCode = (await execa('npm', words, { stdio: 'inherit', reject: false })).exitCode ?? 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
