/*
 * The operating system of this host, as a person or a fleet's inventory would name it.
 */
import { readFileSync } from 'node:fs'
import { machine, release } from 'node:os'
import { join } from 'node:path'
import { parse } from 'ini'
import { blanked } from './printable.ts'

/**
 * Each on one line, at most `longestFact` characters, without hostile ones; absent where the host does not
 * tell.
 */
export interface HostFacts {
  /** NAME of os-release(5): `Debian GNU/Linux`. */
  os?: string
  /** VERSION, else VERSION_ID: `13 (trixie)`. */
  os_version?: string
  /** The name by which uname(2) calls it: `x86_64`. */
  architecture?: string
  /** The release of the kernel: `6.12.43`. */
  kernel?: string
}

/** Characters of a fact. */
export const longestFact = 128
/** Bytes of an os-release file; a longer one is something else. */
const longestFile = 65_536

/** Reads the facts of this host. `root` is the directory of its files. */
export function readHostFacts(root = '/'): HostFacts {
  const system = readOsRelease(root)
  const facts: HostFacts = {}
  const put = (name: keyof HostFacts, value: string | undefined) => {
    const text = [...blanked(value ?? '').toWellFormed()].slice(0, longestFact).join('')
    if (text !== '') facts[name] = text
  }
  put('os', system.NAME ?? system.ID)
  put('os_version', system.VERSION ?? system.VERSION_ID)
  put('architecture', machine())
  put('kernel', release())
  return facts
}

/** The facts on one line, for a person. */
export function hostText({ os = 'an unnamed system', os_version, architecture, kernel }: HostFacts): string {
  const system = [os, os_version].filter(part => part !== undefined).join(' ')
  const parts = [system, architecture, kernel && `kernel ${kernel}`]
  return parts.filter(part => part !== undefined).join(', ')
}

/** The variables of the first file of os-release(5) that is there; none where it cannot be read. */
function readOsRelease(root: string): Partial<Record<string, string>> {
  for (const path of ['etc/os-release', 'usr/lib/os-release']) {
    try {
      const text = readFileSync(join(root, path), 'utf8')
      return text.length > longestFile ? {} : parseOsRelease(text)
    } catch {
      // The other one.
    }
  }
  return {}
}

/** The variables of a file of os-release(5): assignments of a shell, without expansion. */
export function parseOsRelease(text: string): Partial<Record<string, string>> {
  // The package reads a value in double quotes as JSON, and one in single quotes too where that can be:
  // '24.10' is 24.1.
  const asJson = text.replace(
    /^([A-Z0-9_]+)=(?:'([^'\n]*)'|"((?:[^"\\\n]|\\.)*)")[ \t]*$/gm,
    (_, name: string, single: string | undefined, double = '') =>
      `${name}=${JSON.stringify(single ?? double.replace(/\\([$`"\\])/g, '$1'))}`,
  )
  const texts = Object.entries(parse(asJson)).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  return Object.fromEntries(texts)
}
