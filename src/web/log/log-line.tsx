/* One line of a log. */
import { Component } from 'preact'
import { sizeText } from '../texts.ts'
import type { Stamp } from './times.ts'
import type { Line } from './window.ts'

interface Props {
  line: Line
  isMarked: boolean
  /** When it came; undefined: not known. */
  stamp?: Stamp | undefined
  hasStamps: boolean
}

/** Drawn once: of thousands of lines few change at once. */
export class LogLine extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    return (Object.keys(next) as (keyof Props)[]).some(name => next[name] !== this.props[name])
  }

  override render({ line, isMarked, stamp, hasStamps }: Props) {
    const { at, number, begins, segments, dropped } = line
    if (dropped !== undefined)
      return (
        <div class="line dropped" data-at={at}>
          {sizeText(dropped)} of the log are left out here: the server keeps no more of it (log_limit)
        </div>
      )
    return (
      <div
        class={isMarked ? 'line marked' : 'line'}
        data-at={at}
        aria-current={isMarked ? 'true' : undefined}
      >
        <a
          class="place"
          href={`?at=${at}`}
          // Thousands of stops would keep a keyboard from what is behind the log; a search leads to a line,
          // too.
          tabIndex={-1}
          title={number === undefined ? `The line at byte ${at}` : `Line ${number}`}
        >
          {begins ? (number ?? `@${at}`) : ''}
        </a>
        {hasStamps && (
          <time class="stamp" dateTime={stamp?.at} title={stamp?.utc}>
            {begins ? (stamp?.local ?? '–') : ''}
          </time>
        )}
        <span class="text">
          {segments.map(({ text, classes }, index) =>
            classes === '' ? (
              text
            ) : (
              <span key={index} class={classes}>
                {text}
              </span>
            ),
          )}
        </span>
      </div>
    )
  }
}
