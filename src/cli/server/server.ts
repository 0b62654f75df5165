import { defineCommand, defineGroup } from '../define-command.ts'
import { backupOptions, moveOptions, rekeyOptions, restoreOptions, serveOptions } from './options.ts'

// Each action loads its own file: a backup does not need the server, whose bundle is large.
const serve = defineCommand({
  description: 'start the server that hands jobs to attached runners',
  options: serveOptions,
  notes: `Exit status: 0 stopped by SIGTERM or SIGINT; 64 usage; 69 the store or the address cannot be used;
78 configuration error.`,
  examples: [
    'runner server                         with its own store, on 127.0.0.1:8080',
    'runner server --attach                … and a runner that takes its jobs',
    'runner server -c server.cfg           with [server] of that file',
  ],
  action: async (options, _, env) => (await import('./serve.ts')).serve(options, env),
})

const backup = defineCommand({
  description: 'copy the whole store, its logs and its key into one file; the server may run meanwhile',
  options: backupOptions,
  notes: `Anybody who has the file can read every secret in it, so it has mode 0600; with --recipient only the
holder of the private key can. The token files are left out: a restore leads to new ones. A store in
PostgreSQL is copied by pg_dump: the command prints how. \`runner backup\` copies the definitions of jobs
alone.

Exit status: 0; 69 it could not be made, and a file of that name is as it was; 78 configuration error.`,
  examples: [
    'runner server backup /backup/runner-server',
    'openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -out backup.key    elsewhere, once',
    'openssl pkey -in backup.key -pubout -out backup.pub',
    'runner server backup --recipient backup.pub /backup/runner-server',
  ],
  action: async (options, [file], env) => (await import('./backup.ts')).backup(options, file, env),
})

const restore = defineCommand({
  description: 'make the store from a backup; refused where there is a store already',
  options: restoreOptions,
  notes: `Where the backup has no token files, the next start of the server writes a new admin.token and a new
registration.token. The tokens from before stay valid, also those of attached runners: revoke the ones that
you do not want any more. A backup that has been cut off or changed is refused before anything is written.

Exit status: 0; 69 it could not be restored, or there is a store already; 78 configuration error.`,
  examples: [
    'runner server restore /backup/runner-server && systemctl start runner-server',
    'runner server restore --identity backup.key /backup/runner-server',
  ],
  action: async (options, [file], env) => (await import('./backup.ts')).restoreServer(options, file, env),
})

const rekey = defineCommand({
  description: 'seal everything in the store under a new key, while the server is stopped',
  options: rekeyOptions,
  notes: `The new key takes the place of key_file; the former one stays beside it, as key.old-XXXXXXXX: files
of \`runner backup\` and pg_dump from before need it. If the command is killed, nothing is lost: the next
start of the server, or another rekey, completes or forgets it, and says so. The disk of the store needs room
for as much again.

Exit status: 0; 69 a server uses the store, or it could not be sealed anew and keeps its key; 78 configuration
error.`,
  examples: ['systemctl stop runner-server && runner server rekey && systemctl start runner-server'],
  action: async (options, _, env) => (await import('./rekey.ts')).rekey(options, env),
})

const move = defineCommand({
  description: 'move the store from SQLite to PostgreSQL, while the server is stopped',
  options: moveOptions,
  notes: `It copies everything in one transaction, compares counts and hashes, and prints the lines of
[server] to change; key_file and data_dir stay. Until it is complete the SQLite store is in force; then no
server starts on that by mistake. Where it is cut off, the same command goes on. The command line is visible
to every user of the host, so a password is not taken there: it is in a file or a variable of the environment,
or where PostgreSQL's own programs look for it (PGPASSWORD, ~/.pgpass).

Exit status: 0; 64 usage; 69 a server uses one of the two, the target is not empty, or the store could not be
moved; 78 configuration error.`,
  examples: [
    'runner server move --to postgres://runner@db.example/runner',
    'runner server move --to @/etc/runner/database-url     with the password in it',
    'runner server move --undo                             back to SQLite, without changes after the move',
  ],
  action: async (options, _, env) => (await import('./move.ts')).move(options, env),
})

export const command = defineGroup({
  description: 'start the server that hands jobs to attached runners',
  own: serve,
  commands: { backup, restore, rekey, move },
})
