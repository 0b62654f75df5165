/*
 * Ends what a process of the tests has started, when that process has ended in whatever way: by itself, by a signal, by a
 * time limit of tap. A process that was killed cannot do that itself, and a child does not end with its parent: so a
 * small shell outside of its process group waits for the end of a pipe, kills each process whose environment has the mark,
 * and removes the directories whose names have its process id.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'

/** The variable by which a process is known as one that this process has started, directly or not. */
export const mark = 'RUNNER_TEST_PROCESS'

/** Before the name of each temporary directory of this process. */
export const directoryPrefix: string = `runner-test-${process.pid}-`

const script = `
cat >/dev/null
marked() { grep -lzxF "$1" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3; }
rounds=0
while pids=$(marked "$1") && [ -n "$pids" ] && [ $rounds -lt 200 ]; do
  kill -9 $pids 2>/dev/null
  sleep 0.05
  rounds=$((rounds + 1))
done
cd / && rm -rf --one-file-system "$2/$3"* "$4"/*-"$5"-*
for group in /sys/fs/cgroup/"\${3%-}" /sys/fs/cgroup/*/"\${3%-}"; do
  [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
done
`

const value = randomUUID()
/** For the environment of a program that does not get the one of this process. */
export const marked: Record<string, string> = { [mark]: value }

process.env[mark] = value
const reaper = spawn(
  'sh',
  [
    '-c',
    script,
    'sh',
    `${mark}=${value}`,
    tmpdir(),
    directoryPrefix,
    resolve('.tap/fixtures'),
    String(process.pid),
  ],
  // Without execa: each test file imports this one. PATH alone: it must not find itself by the mark.
  { detached: true, stdio: ['pipe', 'ignore', 'ignore'], env: { PATH: process.env.PATH } },
)
reaper.unref()
// The pipe is held open, but keeps no process alive.
const { stdin } = reaper
if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref()
stdin.on('error', () => {})
