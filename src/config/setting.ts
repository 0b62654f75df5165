/** The place of a value. */
export interface Origin {
  file: string
  /** 1-based. */
  line: number
}

/** A value in force, as text; without an origin it is the default. */
export interface Setting {
  value: string
  origin?: Origin
}
