/* The objects of a slot, as they are sent to the cluster. */
import type { ExecutorConfiguration } from '../../../config/sections/executor.ts'
import type { ExecutorJob } from '../executor.ts'
import { containerName, type KubernetesPlace, objectLabels, objectName } from './names.ts'

/** Seconds that a pod may take to start its container, beside the limit of its job: an image may be large. */
const startTime = 1800

/** The owner of an object. */
export interface Owner {
  name: string
  uid: string
}

export interface SlotObjects {
  settings: ExecutorConfiguration
  runnerId: string
  slotId: string
  group: string
}

/** Name, labels and owner of an object of a slot. */
function metaOf({ settings, runnerId, slotId, group }: SlotObjects, owner?: Owner): object {
  return {
    name: objectName(slotId),
    labels: {
      ...labelsOf(settings.executor_labels),
      'app.kubernetes.io/managed-by': 'runner',
      [objectLabels.runner]: runnerId,
      [objectLabels.executor]: slotId,
    },
    annotations: { [objectLabels.group]: group },
    ...(owner && {
      ownerReferences: [
        { apiVersion: 'v1', kind: 'ServiceAccount', ...owner, blockOwnerDeletion: false, controller: false },
      ],
    }),
  }
}

/** `name=value` each. */
function labelsOf(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map(text => text.split('=').map(part => part.trim())))
}

/** The first object of a slot. It owns the others, so the leftovers of a slot go with it. */
export function serviceAccountOf(slot: SlotObjects): object {
  const meta = metaOf(slot) as { annotations: object }
  const passed = labelsOf(slot.settings.passed_sa_annotations)
  return {
    metadata: { ...meta, annotations: { ...meta.annotations, ...passed } },
    automountServiceAccountToken: false,
  }
}

/**
 * The environment that nobody else may read: the specification of a pod can be read by more people than a
 * secret.
 */
export function secretOf(slot: SlotObjects, owner: Owner, job: ExecutorJob): object {
  const values = Object.values(job.secretEnv).map((value, index) => [keyOf(index), value])
  return { metadata: metaOf(slot, owner), immutable: true, stringData: Object.fromEntries(values) }
}

/** Names of the environment may have characters that keys of a secret may not have. */
const keyOf = (index: number) => `env-${index}`

/** Kubernetes replaces `$(NAME)` in texts. */
const literal = (text: string) => text.replaceAll('$', '$$$$')

export interface PodPlan {
  image: string
  job: ExecutorJob
  place: KubernetesPlace
  pullSecrets: readonly string[]
}

/** `owner`: undefined of a pod that is only checked; no account of its own is there then. */
export function podOf(slot: SlotObjects, owner: Owner | undefined, plan: PodPlan): object {
  const { settings } = slot
  const { image, job, place, pullSecrets } = plan
  const name = objectName(slot.slotId)
  const plain = Object.entries(job.env).map(([key, value]) => ({ name: key, value: literal(value) }))
  const secret = Object.keys(job.secretEnv).map((key, index) => ({
    name: key,
    valueFrom: { secretKeyRef: { name, key: keyOf(index) } },
  }))
  return {
    metadata: metaOf(slot, owner),
    spec: {
      restartPolicy: 'Never',
      ...(owner && { serviceAccountName: name }),
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      // A process that is the first of its namespace gets no signal that it does not handle.
      shareProcessNamespace: true,
      terminationGracePeriodSeconds: Math.ceil(place.grace),
      // For a job whose runner is away; else runner ends it.
      ...(place.limit > 0 && { activeDeadlineSeconds: startTime + Math.ceil(place.limit + place.grace) }),
      ...(pullSecrets.length > 0 && { imagePullSecrets: pullSecrets.map(one => ({ name: one })) }),
      ...(settings.read_only && { volumes: [{ name: 'tmp', emptyDir: {} }] }),
      containers: [
        {
          name: containerName,
          image,
          imagePullPolicy: { missing: 'IfNotPresent', always: 'Always', never: 'Never' }[settings.pull],
          ...(job.command && { command: job.command.map(literal) }),
          ...(job.args && { args: job.args.map(literal) }),
          env: [...plain, ...secret],
          resources: resourcesOf(settings),
          securityContext: securityOf(settings),
          ...(settings.read_only && { volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }] }),
        },
      ],
    },
  }
}

function resourcesOf({ memory, cpus, disk_limit }: ExecutorConfiguration): object {
  const limits = { memory: String(memory), cpu: String(cpus), 'ephemeral-storage': String(disk_limit) }
  // Whoever requests nothing is promised all of the limit, and gets a place on no small node.
  return { limits, requests: { memory: '64Mi', cpu: '50m', 'ephemeral-storage': '64Mi' } }
}

function securityOf({ user, read_only, cap_add }: ExecutorConfiguration): object {
  const [uid, gid] = (user ?? '').split(':')
  return {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: read_only,
    capabilities: { drop: ['ALL'], ...(cap_add.length > 0 && { add: cap_add }) },
    seccompProfile: { type: 'RuntimeDefault' },
    ...(uid && { runAsUser: Number(uid) }),
    ...(gid && { runAsGroup: Number(gid) }),
  }
}
