/** A path that must not have changed, and the files by whose times a shell knows that. */
export interface Watched {
  path: string
  isDirectory: boolean
  /** Its modification time, in nanoseconds since 1970. */
  time: bigint
  /** A file with a modification time just before that of the path, and one just after. */
  stamps: readonly [before: string, after: string]
}

/** Whether a section gets a script of its own; `lookup.sh` has the same pattern. */
export const hasPlainName = (section: string): boolean => /^[A-Za-z0-9_-]+$/.test(section)

/** Characters that `lookup.sh` leaves to the full program too. */
const unsure = /[\0-\x08\x0b-\x1f\x7f]/

/**
 * A script for the shell that runs `lookup.sh`: it prints the value of the key in `rn_name` and exits; for a
 * key that the section does not have it only exits. It returns where a watched path has changed, or the
 * section has unusual characters: then the look-up goes on as without it. The text is one for `encodeBytes`.
 */
export function sectionScript(
  keys: ReadonlyMap<string, { value: string }>,
  watched: readonly Watched[],
): string {
  const arms = Array.from(keys, ([key, { value }]) => `${quote(key)}) rn_value=${quote(value)} ;;\n`).join('')
  if (unsure.test(arms)) return 'return\n'
  const answer = `case $rn_name in\n${arms}*) exit 0 ;;\nesac\nprintf '%s\\n' "$rn_value"\nexit\n`
  return guards(watched) + answer
}

/** The script for the sections that the configuration does not have; it returns for those that it has. */
export function otherSectionsScript(sections: readonly string[], watched: readonly Watched[]): string {
  const arms = sections.map(section => `${section}) return ;;\n`).join('')
  return `${guards(watched)}case $rn_section in\n${arms}esac\nexit 0\n`
}

/** The beginning of each script, which returns where a watched path has changed. */
export const guards = (watched: readonly Watched[]): string => watched.map(guard).join('')

/**
 * Returns unless the path has the time between its stamps. The stamps are looked for last: they may be
 * removed at any moment, and shells compare with a missing file in two ways.
 */
function guard({ path, isDirectory, stamps }: Watched): string {
  const [file, before, after] = [path, ...stamps].map(quote)
  const search = isDirectory ? ` && [ -x ${file} ]` : ''
  return `if [ ${file} -ot ${before} ] || [ ${file} -nt ${after} ]; then return; fi
[ -r ${file} ]${search} && [ -e ${before} ] && [ -e ${after} ] || return
`
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
