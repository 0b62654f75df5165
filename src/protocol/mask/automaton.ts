/*
 * Finds all occurrences of many byte strings in one pass (Aho and Corasick). Each node of a trie is the
 * beginning of a string, and has a link to another node: to the longest one with which its own bytes end.
 */

/**
 * The least number of slots of the hash table for each node: the emptier the table, the fewer slots a search
 * looks at.
 */
const slotsPerNode = 2

export class Automaton {
  /** A hash table from a node and a byte (node × 256 + byte + 1) to the next node. */
  #keys = new Uint32Array(64)
  #values = new Uint32Array(64)
  #bits = 6
  #count = 1
  /** Whether any string has this byte. */
  readonly #known = new Uint8Array(256)
  readonly #links: Uint32Array
  /** The number of input bytes that each node stands for. */
  readonly depths: Uint32Array
  /** The length of the longest string that ends at a node; 0: none. */
  readonly matches: Uint32Array
  /** Whether a node is part of a marked string, or ends like a part of one. */
  readonly marks: Uint8Array

  /**
   * The strings have less than 16 million bytes together: then a node and a byte fit into the 32 bits of a
   * key.
   */
  constructor(unmarked: readonly Uint8Array[], marked: readonly Uint8Array[]) {
    const strings = [...unmarked, ...marked]
    const ends = strings.map(string => this.#insert(string))
    const count = this.#count
    this.#links = new Uint32Array(count)
    this.depths = new Uint32Array(count)
    this.matches = new Uint32Array(count)
    this.marks = new Uint8Array(count)
    const parents = new Uint32Array(count)
    const bytes = new Uint8Array(count)
    for (const [slot, key] of this.#keys.entries()) {
      if (key === 0) continue
      const node = this.#values[slot]!
      parents[node] = Math.floor((key - 1) / 256)
      bytes[node] = (key - 1) % 256
    }
    // Nodes are numbered in the order in which they are made, each after its parent.
    for (let node = 1; node < count; node++) this.depths[node] = this.depths[parents[node]!]! + 1
    for (const [index, string] of strings.entries()) this.matches[ends[index]!] = string.length
    for (const end of ends.slice(unmarked.length))
      for (let node = end; node !== 0; node = parents[node]!) this.marks[node] = 1
    // A link leads to a node that is less deep, so less deep nodes get their links first.
    for (const node of inOrder(this.depths)) {
      if (this.depths[node]! > 1) this.#links[node] = this.next(this.#links[parents[node]!]!, bytes[node]!)
      this.matches[node] ||= this.matches[this.#links[node]!]!
      this.marks[node] ||= this.marks[this.#links[node]!]!
    }
  }

  #insert(string: Uint8Array): number {
    let node = 0
    for (const byte of string) {
      let slot = this.#slot(node, byte)
      if (this.#keys[slot] === 0) {
        if (this.#count * slotsPerNode > this.#keys.length) {
          this.#grow()
          slot = this.#slot(node, byte)
        }
        this.#keys[slot] = node * 256 + byte + 1
        this.#values[slot] = this.#count++
        this.#known[byte] = 1
      }
      node = this.#values[slot]!
    }
    return node
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values]
    this.#bits++
    this.#keys = new Uint32Array(2 ** this.#bits)
    this.#values = new Uint32Array(2 ** this.#bits)
    for (let old = 0; old < keys.length; old++) {
      const key = keys[old]!
      if (key === 0) continue
      const slot = this.#slot(Math.floor((key - 1) / 256), (key - 1) % 256)
      this.#keys[slot] = key
      this.#values[slot] = values[old]!
    }
  }

  #slot(node: number, byte: number): number {
    const key = node * 256 + byte + 1
    const last = this.#keys.length - 1
    let slot = Math.imul(key, 0x9e3779b1) >>> (32 - this.#bits)
    while (this.#keys[slot] !== 0 && this.#keys[slot] !== key) slot = (slot + 1) & last
    return slot
  }

  /** The node after `node` and one more byte; undefined where no string continues so. */
  child(node: number, byte: number): number | undefined {
    const slot = this.#slot(node, byte)
    return this.#keys[slot] === 0 ? undefined : this.#values[slot]
  }

  /** The longest other node with which the bytes of this one end. */
  link(node: number): number {
    return this.#links[node]!
  }

  /**
   * The node after one more byte, found by links where no string continues so; 0 is the root, where nothing
   * has begun.
   */
  next(node: number, byte: number): number {
    if (this.#known[byte] === 0) return 0
    for (;;) {
      const slot = this.#slot(node, byte)
      if (this.#keys[slot] !== 0) return this.#values[slot]!
      if (node === 0) return 0
      node = this.#links[node]!
    }
  }
}

/** All nodes, the least deep first. */
function inOrder(depths: Uint32Array): Uint32Array {
  const ends = new Uint32Array(depths.reduce((most, depth) => Math.max(most, depth), 0) + 2)
  for (const depth of depths) ends[depth + 1]!++
  for (let depth = 1; depth < ends.length; depth++) ends[depth]! += ends[depth - 1]!
  const order = new Uint32Array(depths.length)
  for (const [node, depth] of depths.entries()) order[ends[depth]!++] = node
  return order
}
