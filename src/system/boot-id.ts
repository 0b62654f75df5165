import { readProcFile } from './proc.ts'

/** The id that the kernel gives each boot; `unknown` where it gives none. */
export function readBootId(): string {
  return readProcFile('sys/kernel/random/boot_id').trim() || 'unknown'
}
