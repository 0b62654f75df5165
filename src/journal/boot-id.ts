import { readFileSync } from 'node:fs'

/** The id that the kernel gives each boot; `unknown` where it gives none. */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return 'unknown'
  }
}
