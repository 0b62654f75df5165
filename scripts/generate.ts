/*
 * Writes the files that are generated from the definitions of commands, keys and calls: man pages, completions, the
 * OpenAPI document, the pages of commands and of roles, and the commented configuration of the Debian package. `--check`
 * only compares them.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { openApiDocument } from '../src/protocol/openapi.ts'
import { commandLine } from './command-line.ts'
import { commandsPage } from './commands-page.ts'
import { bashCompletion, fishCompletion, zshCompletion } from './completions.ts'
import { groupPages } from './man-commands.ts'
import { configPage, runnerPage } from './man-pages.ts'
import { outputPage, outputSchema } from './output-page.ts'
import { rightsPage } from './rights-page.ts'
import { sampleConfiguration } from './sample-configuration.ts'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }

const line = await commandLine()

const files: Record<string, string> = {
  'man/runner.1': runnerPage(line, version),
  ...groupPages(line, version),
  'man/runner.cfg.5': configPage(version),
  'completions/runner.bash': bashCompletion(line),
  'completions/_runner': zshCompletion(line),
  'completions/runner.fish': fishCompletion(line),
  'debian/runner.cfg': sampleConfiguration(),
  'docs/reference/commands.md': commandsPage(line),
  'docs/reference/json.md': outputPage(),
  'docs/reference/output.schema.json': `${JSON.stringify(outputSchema(), null, 2)}\n`,
  'docs/reference/rights.md': rightsPage(),
  'docs/reference/openapi.json': `${JSON.stringify(openApiDocument(), null, 2)}\n`,
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
