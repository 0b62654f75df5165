import { ShownLog } from '../../protocol/markers.ts'
import { JobOutput } from '../../report/job-output.ts'
import { beforeSaying, printed } from '../../report/say.ts'
import { streamOut } from '../../report/stream.ts'

/** The output of a log. */
export interface LogOut {
  /** Writes bytes; a returned promise asks the caller to wait before it writes more. */
  write(bytes: Uint8Array): void | Promise<void>
  /** Must be called after the last write. */
  end(): void | Promise<void>
}

/**
 * Prints on standard output byte for byte; on a terminal a log for people is made harmless and loses its
 * markers.
 */
export function logOut(isLog: boolean, onLost: () => void = () => {}): LogOut {
  const out = streamOut(process.stdout, onLost)
  if (!isLog || !process.stdout.isTTY) return { write: bytes => out.write(bytes), end: () => {} }
  const shown = new ShownLog()
  const output = new JobOutput(out)
  beforeSaying(() => void output.fresh())
  return {
    write: bytes => output.write(shown.push(bytes)),
    async end() {
      void output.write(shown.end())
      await output.end()
      await printed()
    },
  }
}
