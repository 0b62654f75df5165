/*
 * Writes what is made from the definitions of commands, keys and calls: man pages, completions, the OpenAPI
 * document, and the commented configuration of the Debian package. `--check` only says whether they are up to date.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { openApiDocument } from '../src/protocol/openapi.ts'
import { bashCompletion, fishCompletion, zshCompletion } from './completions.ts'
import { configPage, runnerPage } from './man-pages.ts'
import { sampleConfiguration } from './sample-configuration.ts'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }

const files: Record<string, string> = {
  'man/runner.1': runnerPage(version),
  'man/runner.cfg.5': configPage(version),
  'completions/runner.bash': bashCompletion(),
  'completions/_runner': zshCompletion(),
  'completions/runner.fish': fishCompletion(),
  'debian/runner.cfg': sampleConfiguration(),
  'docs/openapi.json': `${JSON.stringify(openApiDocument(), null, 2)}\n`,
}

for (const [file, text] of Object.entries(files)) {
  if (textOf(file) === text) continue
  if (process.argv.includes('--check')) {
    console.error(`${file} is not up to date: npm run format`)
    process.exitCode = 1
  } else {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
}

const packaged = textOf('debian/changelog')?.match(/^runner \((.*?)\)/)?.[1]
if (packaged !== version) {
  console.error(`debian/changelog is about version ${packaged}, package.json about ${version}`)
  process.exitCode = 1
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
