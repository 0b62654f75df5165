/** One line of Prometheus' text format: a metric with its labels, and a value. */
export interface Sample {
  metric: string
  labels: Record<string, string>
  value: number
}

/** A metric with its samples; the empty text without samples. */
export function writeSamples(
  metric: string,
  type: 'counter' | 'gauge',
  help: string,
  samples: readonly Sample[],
): string {
  const lines = samples.filter(sample => sample.metric === metric).map(line)
  return lines.length === 0 ? '' : `# HELP ${metric} ${help}\n# TYPE ${metric} ${type}\n${lines.join('')}`
}

function line({ metric, labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(([name, text]) => `${name}="${escapeLabel(text)}"`)
  return `${metric}{${pairs.join(',')}} ${value}\n`
}

/** The text of a label, in which backslash, quote and line feed have a meaning; invalid UTF-16 has none. */
function escapeLabel(text: string): string {
  return text.toWellFormed().replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** Reads the text of `writeSamples`; lines of another form are skipped. */
export function readSamples(text: string): Sample[] {
  return text.split('\n').flatMap(line => {
    const [, metric, list, value] =
      line.match(/^([a-z_]+)\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\} (\S+)$/) ?? []
    if (metric === undefined || list === undefined || !Number.isFinite(Number(value))) return []
    const labels = [...list.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, text]) => [
      name,
      text!.replace(/\\(.)/g, (_, character) => (character === 'n' ? '\n' : character)),
    ])
    return [{ metric, labels: Object.fromEntries(labels), value: Number(value) }]
  })
}
