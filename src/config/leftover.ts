/**
 * Whether a file name is what an editor, a patch or a package manager left behind: it ends in `~`, `.orig`,
 * `.rej`, `.bak`, `.swp`, or in a last suffix that begins with `.dpkg-`, `.rpm` or `.ucf-`. Such files are
 * neither tasks nor configuration. Hidden files are another matter.
 */
export const isLeftover = (name: string): boolean =>
  /(?:~|\.(?:orig|rej|bak|swp|dpkg-[^.]*|rpm[^.]*|ucf-[^.]*))$/.test(name)
