import t from 'tap'
import { podOf, secretOf, serviceAccountOf } from '../../../../src/remote/executors/kubernetes/pod-spec.ts'
import { settings } from '../../../support/executors.ts'

const slotId = 'a'.repeat(32)
const slot = { settings, runnerId: 'the-runner', slotId, group: 'default' }
const owner = { name: `runner-${slotId}`, uid: 'uid' }
const job = {
  id: 'b'.repeat(32),
  command: ['sh', '-c', 'echo $HOME $(date)'],
  env: { PLAIN: 'costs $$5' },
  secretEnv: { 'SECRET.NAME': 'hidden' },
  limit: 10,
  grace: 2.5,
}
const place = { slot_id: slotId, job_id: job.id, limit: 10, grace: 2.5 }

t.test('no secret is in the specification of a pod, and its secret has it', async t => {
  const pod = podOf(slot, owner, { image: 'box', job, place, pullSecrets: [] })
  t.notMatch(JSON.stringify(pod), /hidden/)
  t.match(pod, {
    spec: {
      containers: [
        {
          env: [
            { name: 'PLAIN' },
            { name: 'SECRET.NAME', valueFrom: { secretKeyRef: { name: `runner-${slotId}`, key: 'env-0' } } },
          ],
        },
      ],
    },
  })
  t.match(secretOf(slot, owner, job), { stringData: { 'env-0': 'hidden' } })
})

t.test('texts of a job are as they were, where Kubernetes would replace parts of them', async t => {
  const pod = podOf(slot, owner, { image: 'box', job, place, pullSecrets: [] })
  t.match(pod, {
    spec: {
      containers: [
        { command: ['sh', '-c', 'echo $$HOME $$(date)'], env: [{ name: 'PLAIN', value: 'costs $$$$5' }] },
      ],
    },
  })
})

t.test('a pod has limits, no rights, and an owner that is not its controller', async t => {
  const strict = { ...settings, user: '1000:2000', read_only: true, cap_add: ['NET_RAW'] }
  const pod = podOf({ ...slot, settings: strict }, owner, { image: 'box', job, place, pullSecrets: ['hub'] })
  t.match(pod, {
    metadata: { ownerReferences: [{ kind: 'ServiceAccount', uid: 'uid', controller: false }] },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 3,
      imagePullSecrets: [{ name: 'hub' }],
      containers: [
        {
          resources: { limits: { memory: String(512 * 1024 ** 2), cpu: '2' } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            runAsUser: 1000,
            runAsGroup: 2000,
            capabilities: { drop: ['ALL'], add: ['NET_RAW'] },
          },
        },
      ],
    },
  })
})

t.test('labels and annotations of the configuration are on what runner makes', async t => {
  const named = { executor_labels: ['team=ops'], passed_sa_annotations: ['example.org/role=deploy'] }
  const account = serviceAccountOf({ ...slot, settings: { ...settings, ...named } })
  t.match(account, {
    metadata: {
      labels: { team: 'ops', 'runner.uuid': 'the-runner', 'runner.executor': slotId },
      annotations: { 'example.org/role': 'deploy' },
    },
  })
})
