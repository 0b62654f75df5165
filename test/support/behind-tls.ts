/* A server with a certificate of an authority of its own. */
import { Authority, type Certificate } from './certificates.ts'
import { program } from './require.ts'
import type { StoreKind, TestServer } from './server.ts'

/** The authority whose certificate the server of a test has, by the directory of its rig. */
const authorities = new Map<string, Authority>()

export const behindTls: StoreKind = {
  name: 'TLS',
  needs: [program('openssl')],
  open: async rig => {
    const authority = new Authority(rig.dir)
    authorities.set(rig.dir, authority)
    const { certFile, keyFile } = authority.issue('server', 'IP:127.0.0.1')
    const close = async () => void authorities.delete(rig.dir)
    return { keys: { tls_cert_file: certFile, tls_key_file: keyFile }, close }
  },
}

/** The certificate of the authority, which a client has to trust. */
export const caOf = (server: TestServer): Certificate => authorities.get(server.rig.dir)!.ca
