/* What a chart shows. */

export interface Series {
  label: string
  /** The class of its key, which gives it its colour and its kind of line. */
  kind: string
  /** One for each time; null: none. */
  values: readonly (number | null)[]
  points?: boolean
}

export interface ChartData {
  /** Seconds since 1970. */
  times: readonly number[]
  series: readonly Series[]
  /** How a value is said, such as `3 min`. */
  text: (value: number) => string
}
