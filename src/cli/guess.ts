import { nearest } from '../config/did-you-mean.ts'

/**
 * The word that another one was most likely meant for: one that it begins, or one that is nearly the same.
 */
export const guessOf = (word: string, words: readonly string[]): string | undefined =>
  words.find(known => known.startsWith(word)) ?? nearest(word, words)
