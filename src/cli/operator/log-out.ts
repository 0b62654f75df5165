import { ShownLog } from '../../protocol/markers.ts'
import { JobOutput } from '../../report/job-output.ts'
import { streamOut } from '../../report/stream.ts'
import { beforeSaying, printed } from '../say.ts'

/** Where a log goes. */
export interface LogOut {
  /** A promise asks to wait before more is written. */
  write(bytes: Uint8Array): void | Promise<void>
  /** To be called when nothing more will come. */
  end(): void | Promise<void>
}

/** Prints on standard output: byte for byte, but a log for people, on a terminal, harmless and without markers. */
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
