import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execaSync } from 'execa'

export interface Certificate {
  /** Files, and their contents. */
  certFile: string
  keyFile: string
  cert: Buffer
  key: Buffer
}

/** A private CA in a directory, made with openssl. */
export class Authority {
  readonly #directory: string
  readonly ca: Certificate

  constructor(directory: string) {
    this.#directory = directory
    this.ca = this.#make('ca', ['-x509', '-subj', '/CN=a private CA', '-days', '2'])
  }

  /** A certificate for names and addresses, `DNS:localhost,IP:127.0.0.1` for example. */
  issue(name: string, names: string, validity: 'now' | 'expired' = 'now'): Certificate {
    const path = (file: string) => join(this.#directory, file)
    const times = {
      now: ['-days', '2'],
      expired: ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'],
    }
    const files = `database=${path('index.txt')}\nnew_certs_dir=${this.#directory}\nrand_serial=yes`
    const settings = `${files}\ndefault_md=sha256\npolicy=p\nunique_subject=no`
    writeFileSync(path('index.txt'), '')
    writeFileSync(path('ca.cnf'), `[ca]\ndefault_ca=d\n[d]\n${settings}\n[p]\ncommonName=supplied\n`)
    writeFileSync(path('names'), `subjectAltName=${names}\n`)
    const request = this.#make(name, ['-subj', `/CN=${name}`])
    this.#openssl([
      'ca',
      '-batch',
      '-notext',
      '-config',
      path('ca.cnf'),
      '-extfile',
      path('names'),
      ...times[validity],
      '-cert',
      this.ca.certFile,
      '-keyfile',
      this.ca.keyFile,
      '-in',
      request.certFile,
      '-out',
      request.certFile,
    ])
    return { ...request, cert: readFileSync(request.certFile) }
  }

  /** A list of certificates that are revoked, in PEM. */
  revoke(...certificates: Certificate[]): string {
    const ca = [
      'ca',
      '-config',
      join(this.#directory, 'ca.cnf'),
      '-cert',
      this.ca.certFile,
      '-keyfile',
      this.ca.keyFile,
    ]
    for (const { certFile } of certificates) this.#openssl([...ca, '-revoke', certFile])
    const file = join(this.#directory, 'revoked.pem')
    this.#openssl([...ca, '-gencrl', '-crldays', '2', '-out', file])
    return file
  }

  #make(name: string, more: string[]): Certificate {
    const [certFile, keyFile] = [join(this.#directory, `${name}.crt`), join(this.#directory, `${name}.key`)]
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    this.#openssl(['req', ...key, '-keyout', keyFile, '-out', certFile, ...more])
    return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) }
  }

  #openssl(args: string[]): void {
    execaSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
}
