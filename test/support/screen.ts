import stringWidth from 'string-width'

interface Row {
  text: string
  /** Whether the terminal has broken the line here. */
  wrapped: boolean
}

/**
 * A terminal as a live view knows it: rows that the terminal breaks anew when its width changes (as tmux, VTE and most
 * others do), with those above the screen out of reach. It obeys what the view writes: cursor up, clear a row, CR, LF
 * and colours; anything else is an error.
 */
export class Screen {
  columns: number
  rows: number
  #all: Row[] = [{ text: '', wrapped: false }]
  /** The cursor stands in this row of all, at its end or at its beginning. */
  #row = 0
  #atStart = true

  constructor(columns: number, rows: number) {
    this.columns = columns
    this.rows = rows
  }

  get size(): { columns: number; rows: number } {
    return { columns: this.columns, rows: this.rows }
  }

  /** The visible lines. */
  get visible(): string[] {
    return this.#all.slice(this.#top).map(({ text }) => text)
  }

  /** All lines, those out of sight as well, as they were written. */
  get lines(): string[] {
    const lines: string[] = []
    let continues = false
    for (const { text, wrapped } of this.#all) {
      if (continues) lines.push(lines.pop()! + text)
      else lines.push(text)
      continues = wrapped
    }
    return lines
  }

  get #top(): number {
    return Math.max(0, this.#all.length - this.rows)
  }

  write(text: string): void {
    for (const piece of text.replaceAll(/\x1b\[[\d;]*m/g, '').split(/(\x1b\[\d*[A-Z]|\r|\n)/)) {
      const up = /^\x1b\[(\d+)A$/.exec(piece)
      if (up !== null) this.#row = Math.max(this.#top, this.#row - Number(up[1]))
      else if (piece === '\r') this.#atStart = true
      else if (piece === '\n') this.#newline()
      else if (piece === '\x1b[2K') this.#clear()
      else if (piece.startsWith('\x1b')) throw new Error(`the view wrote ${JSON.stringify(piece)}`)
      else if (piece !== '') this.#put(piece)
    }
  }

  #clear(): void {
    const before = this.#all[this.#row - 1]
    if (before !== undefined) before.wrapped = false
    this.#all[this.#row] = { text: '', wrapped: false }
  }

  #newline(): void {
    this.#row++
    this.#atStart = true
    if (this.#row === this.#all.length) this.#all.push({ text: '', wrapped: false })
  }

  #put(text: string): void {
    if (!this.#atStart || this.#all[this.#row]!.text !== '')
      throw new Error(`${JSON.stringify(text)} is written over ${JSON.stringify(this.#all[this.#row])}`)
    this.#atStart = false
    const pieces = broken(text, this.columns)
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) {
        this.#newline()
        this.#atStart = false
      }
      this.#all[this.#row] = { text: piece, wrapped: index < pieces.length - 1 }
    }
  }

  resize(columns: number, rows: number): void {
    // Empty rows below the cursor go first.
    const most = columns === this.columns ? Math.max(0, this.rows - rows) : this.rows
    for (
      let gone = 0;
      gone < most && this.#all.length > this.#row + 1 && this.#all.at(-1)!.text === '';
      gone++
    )
      this.#all.pop()
    const before = this.#all.slice(0, this.#row).filter(({ wrapped }) => !wrapped).length
    const lines = this.lines
    this.columns = columns
    this.rows = rows
    this.#all = lines.flatMap(line => {
      const pieces = broken(line, columns)
      return pieces.map((text, index) => ({ text, wrapped: index < pieces.length - 1 }))
    })
    // Between two writes of a view the cursor is at the beginning of a line.
    let ends = 0
    this.#row = this.#all.findIndex(({ wrapped }) => ends === before || (!wrapped && ++ends > before))
    if (this.#row === -1) this.#row = this.#all.length - 1
  }
}

function broken(line: string, columns: number): string[] {
  const pieces = ['']
  for (const character of line) {
    const last = pieces.at(-1)!
    if (stringWidth(last + character) > columns) pieces.push(character)
    else pieces[pieces.length - 1] = last + character
  }
  return pieces
}
