import { execaSync } from 'execa'
import { type Component, root } from './require.ts'

/** The ability to mount in a namespace of one's own. */
export const mounts: Component = {
  get missing() {
    return (
      root.missing ?? (canMount() ? undefined : 'the right to mount in a namespace of its own (unshare -m)')
    )
  },
}

function canMount(): boolean {
  const mount = ['-m', 'sh', '-c', 'mount -t tmpfs none /mnt']
  return !execaSync('unshare', mount, { stdio: 'ignore', reject: false }).failed
}
