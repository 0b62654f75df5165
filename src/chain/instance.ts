import { existsSync, readFileSync } from 'node:fs'
import { readBounded } from '../config/read-bounded.ts'
import { errorText, fail, ok, type Result } from '../result.ts'
import type { HostFiles } from './host-files.ts'

/**
 * The identity of this instance of the host: that of cloud-init, where cloud-init has written its data, else
 * the machine id. A clone of a virtual machine is another instance. The failure is a sentence without its
 * full stop.
 */
export function readInstance({ instanceData, machineId }: HostFiles): Result<string, string> {
  if (!existsSync(instanceData)) return machineIdOf(machineId)
  const data = readBounded(instanceData)
  if (!data.ok) return fail(`${instanceData} cannot be read: ${data.failure.text}`)
  try {
    const { v1 } = JSON.parse(Buffer.from(data.value).toString())
    const id = v1?.instance_id ?? v1?.['instance-id']
    if (typeof id === 'string' && id !== '') return ok(`cloud-init ${id}`)
  } catch {
    // It is not JSON.
  }
  return fail(`${instanceData} names no instance`)
}

function machineIdOf(path: string): Result<string, string> {
  const text = readMachineId(path)
  if (!text.ok) return text
  return /^[0-9a-f]{32}$/.test(text.value)
    ? ok(`machine-id ${text.value}`)
    : fail(`${path} has no machine id`)
}

/** The text of the file, without white space around it. The failure is a sentence, too. */
export function readMachineId(path: string): Result<string, string> {
  try {
    return ok(readFileSync(path, 'utf8').trim())
  } catch (error) {
    return fail(`${path} cannot be read: ${errorText(error)}`)
  }
}
