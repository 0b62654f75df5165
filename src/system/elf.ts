/*
 * The header of a program, as the kernel and a linker read it (elf(5)).
 */

/** Bytes from the start of a file that hold a header of either class. */
export const elfHeaderBytes = 64

export interface ElfHeader {
  /** e_machine: the architecture that it is built for. */
  machine: number
  /** e_type says that the kernel can start it: ET_EXEC or ET_DYN. */
  executable: boolean
  /** The table of its segments: where it begins in the file, bytes of an entry, number of entries. */
  segments: { offset: number; entrySize: number; count: number }
}

const magic = 0x7f454c46
/** PT_INTERP: the segment that names a dynamic linker. */
const interpreterSegment = 3

/** Whether a file that begins with these bytes says that it is an ELF file. */
export function isElf(head: Buffer): boolean {
  return head.length >= 4 && head.readUInt32BE(0) === magic
}

/**
 * Reads the header at the start of an ELF file; undefined where these bytes are not one, or not all of one.
 */
export function readElfHeader(head: Buffer): ElfHeader | undefined {
  if (!isElf(head) || head.length < elfHeaderBytes) return undefined
  const { half, word, long, wide } = numbersOf(head)
  const type = half(16)
  return {
    machine: half(18),
    executable: type === 2 || type === 3,
    segments: {
      offset: wide ? long(32) : word(28),
      entrySize: half(wide ? 54 : 42),
      count: half(wide ? 56 : 44),
    },
  }
}

/**
 * Whether an ELF file names a dynamic linker, so that it needs libraries beside it. Only entries within
 * `head` are looked at: linkers put the table of segments right behind the header.
 */
export function namesInterpreter(head: Buffer, { segments }: ElfHeader): boolean {
  const { word } = numbersOf(head)
  for (let index = 0; index < segments.count; index++) {
    const at = segments.offset + index * segments.entrySize
    if (at + 4 > head.length) return false
    if (word(at) === interpreterSegment) return true
  }
  return false
}

/** Readers of numbers in the byte order of the file; `wide`: its class is 64 bits. */
function numbersOf(head: Buffer) {
  const big = head[5] === 2
  return {
    wide: head[4] === 2,
    half: (at: number) => (big ? head.readUInt16BE(at) : head.readUInt16LE(at)),
    word: (at: number) => (big ? head.readUInt32BE(at) : head.readUInt32LE(at)),
    long: (at: number) => Number(big ? head.readBigUInt64BE(at) : head.readBigUInt64LE(at)),
  }
}
