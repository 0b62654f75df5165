import { nextTurn } from '../../system/wait.ts'

/**
 * Answers that many ask for at once, as pages do when something has changed: requests for the same answer in
 * one turn of the event loop share it. An answer is begun after all of them have asked, so each sees all that
 * was committed before.
 */
export class SharedAnswers<Answer> {
  readonly #asked = new Map<string, Promise<Answer>>()

  /** The answer to a question; a failure goes to all who have asked. */
  get(question: string, make: () => Promise<Answer>): Promise<Answer> {
    const asked = this.#asked.get(question)
    if (asked !== undefined) return asked
    const answer = nextTurn().then(() => {
      this.#asked.delete(question)
      return make()
    })
    this.#asked.set(question, answer)
    return answer
  }
}
