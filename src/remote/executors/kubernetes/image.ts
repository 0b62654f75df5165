/* The image that the cluster pulls for a job, and the secrets for the pull. */
import { patternOf } from '../../../config/image-patterns.ts'
import type { ExecutorConfiguration } from '../../../config/sections/executor.ts'
import { fail, ok, type Result } from '../../../result.ts'
import type { Failure } from '../executor.ts'
import { canonical, isAllowed, mapped, withDigest } from '../image-reference.ts'

/** The name by which the cluster pulls an image. */
export function pulledAs(
  image: string,
  digest: string | undefined,
  { images, image_mappings }: Pick<ExecutorConfiguration, 'images' | 'image_mappings'>,
): Result<string, Failure> {
  if (isAllowed(image, images)) return ok(withDigest(mapped(image, image_mappings), digest))
  const message = `the image ${image} is not allowed: images in [executor] allows ${images.join(', ')}`
  return fail({ reason: 'image-not-allowed', message, retry: 'never' })
}

/** The secrets of all mappings whose pattern fits the name of an image, as it is written or completed. */
export function pullSecretsOf(image: string, mappings: readonly string[]): string[] {
  const names = [image, canonical(image)]
  const fitting = mappings.flatMap(text => {
    const [pattern = '', secret = ''] = text.split('=').map(part => part.trim())
    return names.some(name => patternOf(pattern).test(name)) ? [secret] : []
  })
  return [...new Set(fitting)]
}
