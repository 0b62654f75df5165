import t from 'tap'
import { systemClock } from '../../../../src/edges.ts'
import { Engine } from '../../../../src/remote/executors/docker/engine.ts'

t.test('the engine is that of docker_host, else of DOCKER_HOST, else at a usual address', async t => {
  const at = async (host: string | undefined, env: NodeJS.ProcessEnv) => {
    const engine = await Engine.at(host, env, systemClock)
    return engine.ok ? engine.value.address : engine.failure.message
  }
  const named = { DOCKER_HOST: 'unix:///named.sock' }
  t.equal(await at('tcp://engine:2375', named), 'tcp://engine:2375')
  t.equal(await at(undefined, named), 'unix:///named.sock')
  t.match(await at(undefined, { DOCKER_HOST: '', XDG_RUNTIME_DIR: '' }), /^unix:\/\/\/\S+\.sock$/)
  t.match(await at('ssh://engine', {}), /docker_host is ssh:\/\/engine/)
})
