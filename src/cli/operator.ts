/* Every command to a server, as one bundle: they share the client. */
export * from './operator/backup.ts'
export * from './operator/executions.ts'
export * from './operator/groups.ts'
export * from './operator/jobs.ts'
export * from './operator/runners.ts'
export * from './operator/submit.ts'
export * from './operator/tokens.ts'
