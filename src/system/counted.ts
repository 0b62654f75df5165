/** A number with its noun: `1 byte`, `2 bytes`. */
export const counted = (number: number, one: string, several = `${one}s`): string =>
  `${number} ${number === 1 ? one : several}`
