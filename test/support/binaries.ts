/** The first bytes of an ELF program for a machine (e_machine of elf(5)); with its end cut off it never runs. */
export function elf(machine: number): Buffer {
  const head = Buffer.alloc(64)
  head.write('\x7fELF', 'latin1')
  head.set([2, 1, 1], 4)
  head.writeUInt16LE(2, 16)
  head.writeUInt16LE(machine, 18)
  return head
}

/** The number of a machine that is not this one: IBM S/390, or on that x86-64. */
export const foreignMachine = process.arch === 's390x' ? 62 : 22
