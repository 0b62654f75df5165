/** The files by which a host tells about itself. */
export interface HostFiles {
  /** The kernel's command line. */
  commandLine: string
  /** There while systemd starts a host for the first time. */
  firstBoot: string
  /** There where systemd is the init system. */
  systemd: string
  machineId: string
  /** Written by cloud-init. */
  instanceData: string
}

export const filesOfHost: HostFiles = {
  commandLine: '/proc/cmdline',
  firstBoot: '/run/systemd/first-boot',
  systemd: '/run/systemd/system',
  machineId: '/etc/machine-id',
  instanceData: '/run/cloud-init/instance-data.json',
}
