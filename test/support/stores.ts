import { type StoreKind, sqlite } from './server.ts'

/** Every kind of store there is. */
export const stores: StoreKind[] = [sqlite]
