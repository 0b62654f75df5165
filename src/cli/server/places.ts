import type { ServerConfiguration } from '../../config/sections/server.ts'

/** Where the parts of a store are. */
export function placesOf({ database, data_dir, key_file }: ServerConfiguration): {
  database: string
  dataDir: string
  keyFile: string
} {
  return {
    database: database.engine === 'sqlite' ? `sqlite:${database.path}` : database.url,
    dataDir: data_dir,
    keyFile: key_file,
  }
}
