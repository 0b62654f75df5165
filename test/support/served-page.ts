/* The page that an installed server serves. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { marked } from './reaper.ts'

interface Served {
  status: number | undefined
  encoding: string | undefined
  cache: string | undefined
  text: string
}

/** Starts the server of an installed program in a new directory, and gives its page and the first script of that. */
export async function servedPage(
  program: string,
  dir: string,
  env: NodeJS.ProcessEnv,
): Promise<{ page: Served; script: Served }> {
  mkdirSync(dir)
  const config = join(dir, 'runner.cfg')
  writeFileSync(config, `[runner]\nstate_dir = ${join(dir, 'state')}\n[server]\nlisten = 127.0.0.1:0\n`)
  const server = spawn(program, ['-c', config, 'server'], {
    env: { ...env, ...marked },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(server, 'exit')
  try {
    const url = await listening(server.stdout, server.stderr, ended)
    const page = await served(`${url}/`)
    const [script = ''] = /\/assets\/[^"]+\.js/.exec(page.text) ?? []
    return { page, script: await served(`${url}${script}`, 'br') }
  } finally {
    server.kill('SIGTERM')
    await ended
  }
}

/** The address that a server names. */
async function listening(
  out: NodeJS.ReadableStream,
  errors: NodeJS.ReadableStream,
  ended: Promise<unknown>,
): Promise<string> {
  let said = ''
  const url = new Promise<string>(resolve => {
    for (const stream of [out, errors])
      stream.setEncoding('utf8').on('data', text => {
        said += text
        const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? []
        if (found !== undefined) resolve(found)
      })
  })
  const early = ended.then(() => {
    throw new Error(`the server ended: ${said}`)
  })
  return Promise.race([url, early])
}

function served(url: string, encoding?: string): Promise<Served> {
  return new Promise((resolve, reject) => {
    const headers = { accept: 'text/html,*/*', ...(encoding && { 'accept-encoding': encoding }) }
    const call = request(url, { headers, agent: false }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          encoding: response.headers['content-encoding'],
          cache: response.headers['cache-control'],
          text: Buffer.concat(chunks).toString('latin1'),
        }),
      )
    })
    call.on('error', reject).end()
  })
}
