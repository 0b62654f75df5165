import { outputBounds, parseWithin } from '../../protocol/json-bounds.ts'
import { showOutput } from '../../protocol/mask/mask-output.ts'
import { isObject, passwordOutputs } from '../../protocol/mask/secrets.ts'
import type { Execution } from '../../protocol/messages/executions.ts'
import { defined } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import type { DefinitionRow, ExecutionRow } from '../../store/rows.ts'
import type { Context } from '../rules/context.ts'
import { confidential } from '../state/definitions.ts'
import { logMaskOf } from '../state/log-mask.ts'

type OutputView = Pick<Execution, 'output_properties' | 'reporting_records'>

export const noOutput: OutputView = { output_properties: null }

/**
 * The output of a plugin as operators see it. Outputs that its input calls passwords are not shown, and
 * secrets in the others are masked again: a runner of an earlier release did not do it.
 */
export async function outputOf(
  tx: Reader,
  ctx: Context,
  row: ExecutionRow,
  definition: DefinitionRow,
): Promise<OutputView> {
  const sealed = await tx.output(row.id)
  const output = sealed === undefined ? undefined : parsed(ctx.keys.openAtRest(sealed))
  if (!isObject(output)) return noOutput
  const { input } = confidential(definition, ctx.keys)
  const { mask } = await logMaskOf(tx, ctx, row.group)
  const { outputProperties, reportingRecords } = await showOutput<Output>(
    { outputProperties: output.outputProperties, reportingRecords: output.reportingRecords },
    input === undefined ? new Set() : passwordOutputs(input),
    mask,
  )
  const isFilledArray = Array.isArray(reportingRecords) && reportingRecords.length > 0
  return {
    output_properties: isObject(outputProperties) ? outputProperties : null,
    ...defined({ reporting_records: isFilledArray ? reportingRecords : undefined }),
  }
}

interface Output {
  outputProperties: unknown
  reportingRecords: unknown
}

/**
 * Parses the output of a plugin, which can be any JSON. Throws where an older release has taken more than can
 * be shown.
 */
function parsed(text: string): unknown {
  const output = parseWithin(Buffer.from(text), outputBounds)
  if (output.ok) return output.value
  if (output.failure.tooMuch) throw new Error(`the output ${output.failure.detail}`)
  return undefined
}
