import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { elfHeaderBytes, isElf, namesInterpreter, readElfHeader } from '../../src/system/elf.ts'

interface Program {
  wide: boolean
  big: boolean
  type: number
  machine: number
  /** p_type of each segment. */
  segments: number[]
}

/** A header with its table of segments right behind it, as elf(5) lays them out. */
function program({ wide, big, type, machine, segments }: Program): Buffer {
  const [start, entrySize] = wide ? [64, 56] : [52, 32]
  const bytes = Buffer.alloc(Math.max(elfHeaderBytes, start + segments.length * entrySize))
  const half = (value: number, at: number) =>
    big ? bytes.writeUInt16BE(value, at) : bytes.writeUInt16LE(value, at)
  const word = (value: number, at: number) =>
    big ? bytes.writeUInt32BE(value, at) : bytes.writeUInt32LE(value, at)
  bytes.write('\x7fELF', 'latin1')
  bytes[4] = wide ? 2 : 1
  bytes[5] = big ? 2 : 1
  half(type, 16)
  half(machine, 18)
  if (wide) word(start, big ? 36 : 32)
  else word(start, 28)
  half(entrySize, wide ? 54 : 42)
  half(segments.length, wide ? 56 : 44)
  for (const [index, segment] of segments.entries()) word(segment, start + index * entrySize)
  return bytes
}

const half = fc.integer({ min: 0, max: 0xffff })

t.test('a header is read in both classes and both byte orders', async t => {
  fc.assert(
    fc.property(
      fc.record({
        wide: fc.boolean(),
        big: fc.boolean(),
        type: fc.integer({ min: 0, max: 4 }),
        machine: half,
        segments: fc.array(fc.integer({ min: 0, max: 8 }), { maxLength: 20 }),
      }),
      spec => {
        const bytes = program(spec)
        const header = readElfHeader(bytes)!
        t.same(header, {
          machine: spec.machine,
          executable: spec.type === 2 || spec.type === 3,
          segments: {
            offset: spec.wide ? 64 : 52,
            entrySize: spec.wide ? 56 : 32,
            count: spec.segments.length,
          },
        })
        t.equal(namesInterpreter(bytes, header), spec.segments.includes(3))
      },
    ),
  )
})

t.test('any bytes are read without an exception', async t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      const head = Buffer.concat([Buffer.from('\x7fELF', 'latin1'), bytes])
      const header = readElfHeader(head)
      t.equal(header === undefined, head.length < elfHeaderBytes)
      if (header !== undefined) namesInterpreter(head, header)
    }),
  )
  for (const text of ['', '\x7fEL', '#!/bin/sh\n'.padEnd(100)]) {
    t.notOk(isElf(Buffer.from(text, 'latin1')))
    t.equal(readElfHeader(Buffer.from(text, 'latin1')), undefined)
  }
})

t.test('this very program is one', async t => {
  const header = readElfHeader(readFileSync(process.execPath).subarray(0, 4096))
  t.match(header, { executable: true })
})
