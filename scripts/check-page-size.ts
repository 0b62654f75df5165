/*
 * Holds the sources of the page to a size that one person can keep in mind: lines of TypeScript in all, without blank
 * lines and comments, so that nobody saves on them; style sheets have a sum of their own. All lines of all files are
 * printed, too.
 */
import { globSync, readFileSync } from 'node:fs'

/** Lines of code, in all. */
const most = { TypeScript: 4000, CSS: 1000 }

const problems: string[] = []
let all = 0

function linesOf(language: keyof typeof most, pattern: string): number {
  let code = 0
  for (const file of globSync(pattern)) {
    const text = readFileSync(file, 'utf8').trimEnd()
    const count = text.split('\n').length
    all += count
    code += text.split('\n').filter(line => !/^\s*($|\/\/|\/?\*|\{\/\*.*\*\/\}$)/.test(line)).length
  }
  if (code > most[language])
    problems.push(
      `src/web has ${code} lines of ${language}, more than ${most[language]}: look for what is there twice (src/web/ui has parts for lists, tables, facts, fields and buttons)`,
    )
  return code
}

const script = linesOf('TypeScript', 'src/web/**/*.{ts,tsx}')
const style = linesOf('CSS', 'src/web/**/*.css')
for (const problem of problems) console.error(problem)
console.log(
  `the page has ${script} lines of TypeScript and ${style} of CSS, and ${all} with blank lines and comments`,
)
process.exitCode = problems.length === 0 ? 0 : 1
