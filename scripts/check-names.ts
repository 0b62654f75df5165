/*
 * Holds exported names to one meaning each: no two files below src/ declare the same one. The page has words of its own,
 * since it imports only types of other folders, so its names are compared with one another alone.
 */
import { globSync, readFileSync } from 'node:fs'

/** Files with one vocabulary each, of short words by which the file next to it reads like a table. */
const vocabularies = [
  'src/cli/json-schema.ts',
  'src/config/forms.ts',
  'src/protocol/messages/common.ts',
  'src/protocol/messages/forms.ts',
]

/** Names that several files declare with one meaning, and the folder below which they do. */
const shared: Record<string, string> = {
  // Each file of a command exports it by this name, and each folder of commands the schemas of its outputs.
  command: 'src/cli/',
  outputs: 'src/cli/',
  // One for each backend of executors.
  placeOf: 'src/remote/executors/',
  stateOf: 'src/remote/executors/',
  // One for each engine of the store.
  explainOpening: 'src/store/',
  // The two sides of one call.
  confirm: 'src/',
}

const declaration =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:class|const|enum|function\*?|interface|let|type) ([\w$]+)/gm

const problems: string[] = []
const used = new Set<string>()

/** Looks for names that two of these files declare. */
function compare(files: readonly string[]): void {
  const declaredIn = new Map<string, Set<string>>()
  for (const file of files)
    for (const [, name] of readFileSync(file, 'utf8').matchAll(declaration)) {
      // A schema and its type have one name, in one file.
      declaredIn.set(name!, (declaredIn.get(name!) ?? new Set()).add(file))
    }
  for (const [name, set] of declaredIn) {
    if (set.size === 1) continue
    const places = [...set]
    const folder = shared[name]
    if (folder !== undefined && places.every(file => file.startsWith(folder))) used.add(name)
    else problems.push(`${places.join(' and ')} export two things of one name, ${name}: rename one`)
  }
}

const all = globSync('src/**/*.{ts,tsx}').filter(file => !vocabularies.includes(file))
const isOfPage = (file: string) => file.startsWith('src/web/')
compare(all.filter(isOfPage))
compare(all.filter(file => !isOfPage(file)))

for (const name of Object.keys(shared))
  if (!used.has(name))
    problems.push(`scripts/check-names.ts: no two files export ${name} any more: take it off the list`)

for (const problem of problems) console.error(problem)
console.log(
  problems.length === 0 ? 'each exported name has one meaning' : `${problems.length} problems with names`,
)
process.exitCode = problems.length === 0 ? 0 : 1
