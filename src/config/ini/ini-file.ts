import type { Diagnostic } from '../diagnostic.ts'

/** One key of a file. */
export interface IniEntry {
  section: string
  key: string
  /** The lines of the value, joined by line feeds. Bytes that are no UTF-8 are kept as in `decodeBytes`. */
  value: string
  /** The line of the key, 1-based. */
  line: number
}

export interface IniFile {
  file: string
  /** In file order; of two with the same section and key the later one counts. */
  entries: IniEntry[]
  /** Each section once, with the line of its first header; empty sections too. */
  sections: { name: string; line: number }[]
  findings: Diagnostic[]
}
