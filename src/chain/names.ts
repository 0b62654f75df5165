/** A task's name: its file name less a number and dash before it, and less its last suffix. */
export function taskName(file: string): string {
  const bare = file.replace(/^[0-9]+-(?=.)/s, '')
  const stem = bare.slice(0, bare.lastIndexOf('.'))
  return bare.lastIndexOf('.') > 0 ? stem : bare
}

/**
 * The name that build-runner made of a file name: everything up to the first dash and the last suffix cut
 * off, all other dashes and dots dropped. `3-a-b-c.py` is `abc`, `check-ami.py` is `ami`.
 */
export function buildRunnerName(file: string): string {
  const afterDash = file.split('-').slice(1).join('') || file
  return afterDash.split('.').slice(0, -1).join('') || afterDash
}
