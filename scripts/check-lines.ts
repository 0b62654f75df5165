/*
 * Holds the files below src/ to lines that fit the width of the formatter, and to one subject each: a file beyond the
 * most lines is on the list of those that have one subject all the same.
 */
import { globSync, readFileSync } from 'node:fs'

const widest = 110
const mostLines = 300
/** Lines of a file that is on the list. */
const mostOfLarger = 400

/** Wider lines that a file may have, at most. */
const wider: Record<string, number> = {
  // Statements that have made the stores in use, which nobody edits.
  'src/store/migrations.ts': 4,
  // Answers in JSON, which a shell cannot break.
  'src/remote/executors/handover/api.sh': 2,
  // Comments beside the one program of a shell that has to stay one file.
  'src/remote/executors/handover/supervisor.sh': 80,
}

/** Files of one subject that are longer, other than that program. */
const longer = [
  'src/remote/executors/docker/backend.ts',
  'src/remote/executors/executor.ts',
  'src/remote/job/assignment.ts',
  'src/remote/pool/pool.ts',
  'src/server/rules/transitions.ts',
  'src/store/rows.ts',
  'src/store/sql/unit-of-work.ts',
  'src/store/tables.ts',
]

const problems: string[] = []
const files = globSync('src/**/*.{ts,tsx,css,html,svg,sh}')
for (const file of files) {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  const wide = lines.flatMap((line, index) => ([...line].length > widest ? [index + 1] : []))
  if (wide.length > (wider[file] ?? 0))
    problems.push(`${file} has lines of more than ${widest} characters: ${wide.join(', ')}`)
  const most = longer.includes(file) ? mostOfLarger : mostLines
  if (lines.length > most && !file.endsWith('/supervisor.sh'))
    problems.push(`${file} has ${lines.length} lines, more than ${most}: divide it`)
  if (lines.length <= mostLines && longer.includes(file))
    problems.push(`${file} has ${lines.length} lines: take it off the list in scripts/check-lines.ts`)
}

for (const problem of problems) console.error(problem)
console.log(
  problems.length === 0
    ? `lines are ${widest} characters wide at most, and files ${mostLines} lines long`
    : `${problems.length} problems with the size of files`,
)
process.exitCode = problems.length === 0 ? 0 : 1
