/* Writes the files that a container needs for a plugin that can stay in it. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { apiFile, tlsFile } from '../handover/supervisor.ts'
import type { Container } from './container.ts'
import { SecretApi } from './secret-api.ts'
import { kubeconfig, type StayingPlugins, type Way } from './staying-plugins.ts'

/** Read at once: an upgrade may replace the files. */
const scripts = { http: readFileSync(apiFile, 'utf8'), tls: readFileSync(tlsFile, 'utf8') }

/** Makes it, and begins to listen where the runner itself answers. Throws system errors. */
export function makePluginFiles(container: Container, way: Way, plugins: StayingPlugins): void {
  const { directory, jobs } = container
  const control = join(directory, 'control')
  const put = (path: string, text: string, mode = 0o644) => {
    writeFileSync(path, text)
    chmodSync(path, mode)
  }
  const folder = jobs.makeForPlugins()
  container.hasGuests = true
  put(join(control, 'api.sh'), `#!/.runner/control/busybox sh\n${scripts[way]}`, 0o755)
  if (way === 'http') {
    put(join(control, 'kubeconfig'), kubeconfig)
    return
  }
  const { certificate } = plugins
  const account = join(directory, 'account')
  mkdirSync(account)
  chmodSync(account, 0o755)
  put(join(account, 'ca.crt'), certificate.cert)
  // The SDK of Go reads it. Nobody checks it: no other container can reach this API.
  put(join(account, 'token'), 'runner')
  container.secretApi = new SecretApi(folder, createSecureContext(certificate))
}
