/**
 * Whether an editor, a patch or a package manager has left a file, by its name: it ends in `~`, `.orig`,
 * `.rej`, `.bak`, `.swp`, or in a last suffix that begins with `.dpkg-`, `.rpm` or `.ucf-`. Such files are
 * neither tasks nor configuration.
 */
export const isLeftover = (name: string): boolean =>
  /(?:~|\.(?:orig|rej|bak|swp|dpkg-[^.]*|rpm[^.]*|ucf-[^.]*))$/.test(name)
