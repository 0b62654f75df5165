/**
 * The address of a server's page with a code that signs the browser in. The code is behind `#`: browsers send
 * that part to no server, and no proxy writes it down.
 */
export const pageLink = (url: string, code: string): string => `${url.replace(/\/$/, '')}/#code=${code}`
