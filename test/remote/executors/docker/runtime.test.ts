import t from 'tap'
import { runtimeProblem } from '../../../../src/remote/executors/docker/runtime.ts'

const docker = { podman: false, runtimes: ['crun', 'runc'] }

t.test('a runtime that the engine knows, a shim of containerd, and none are taken', async t => {
  for (const runtime of [undefined, 'crun', 'io.containerd.runsc.v1', '/usr/bin/containerd-shim-kata-v2'])
    t.equal(runtimeProblem({ runtime }, docker), undefined)
})

t.test('another one is refused, with what there is and what to do', async t => {
  t.match(runtimeProblem({ runtime: 'kata' }, docker), {
    reason: 'runtime-unknown',
    message: /does not know the runtime kata of \[executor\]; it knows crun, runc: add kata to runtimes/,
  })
})

t.test('podman takes none', async t => {
  t.match(runtimeProblem({ runtime: 'crun' }, { ...docker, podman: true }), {
    reason: 'runtime-unknown',
    message:
      /runtime = crun of \[executor\] would have no effect: leave it out, and set runtime in \[engine\]/,
  })
  t.equal(runtimeProblem({}, { ...docker, podman: true }), undefined)
})
