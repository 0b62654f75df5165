/* The rules of namespaces: pure functions of the settings. */
import type { NamespaceRules, Settings } from '../../protocol/messages/settings.ts'
import { everyNamespace } from '../../protocol/messages/token-kinds.ts'
import { ok, type Result } from '../../result.ts'
import { type Refusal, refuse } from './refusal.ts'
import { matches } from './registration.ts'

/** The rules that hold in a namespace: field by field its own, else those for all. */
export const rulesFor = ({ namespaces }: Settings, namespace: string): NamespaceRules => ({
  ...(Object.hasOwn(namespaces, everyNamespace) ? namespaces[everyNamespace] : {}),
  ...(Object.hasOwn(namespaces, namespace) ? namespaces[namespace] : {}),
})

const digest = /@sha256:[0-9a-f]{64}$/

/** Whether an image may run in a namespace. */
export function allowsImage(
  { images, digests_only }: NamespaceRules,
  image: string,
  namespace: string,
): Result<void, Refusal> {
  if (digests_only && !digest.test(image))
    return refuse(
      'image-not-allowed',
      `namespace ${namespace} takes images by their digests only, and ${image} names none: NAME@sha256:…`,
    )
  if (images === undefined || images.some(pattern => matches(pattern, image))) return ok(undefined)
  return refuse(
    'image-not-allowed',
    `namespace ${namespace} does not take ${image}; ` +
      `it takes ${images.length === 0 ? 'none' : images.join(', ')}`,
  )
}
