import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import t from 'tap'
import { readBootId } from '../../src/system/boot-id.ts'
import { openFiles } from '../../src/system/open-files.ts'
import {
  commandLine,
  isZombie,
  listProcesses,
  listProcSlowly,
  openFileLimit,
  pathOfDescriptor,
  pids,
  readProcFile,
  readProcFileSlowly,
  startTicks,
} from '../../src/system/proc.ts'

t.test('a process is known by when it started, and its parent and group are told', async t => {
  const mine = startTicks(process.pid)
  t.match(mine, /^\d+$/)
  t.equal(startTicks(process.pid), mine)
  const parent = listProcesses().find(({ pid }) => pid === process.ppid)
  t.match(parent, { parent: Number, group: Number, started: /^\d+$/ })
  t.notOk(pids().includes(process.pid), 'this one is not among the others')
  t.notOk(isZombie(process.pid))
  t.match(commandLine(process.pid), /proc\.test/)
})

t.test('of a process that is not there nothing is known, and nothing is thrown', async t => {
  t.equal(startTicks(-1), '')
  t.equal(isZombie(-1), false)
  t.equal(commandLine(-1), undefined)
  t.equal(readProcFile('-1/stat'), '')
  t.equal(await readProcFileSlowly('-1/stat'), '')
  await t.rejects(listProcSlowly('-1/fd'), { code: 'ENOENT' })
})

t.test('the limit on open files is a number, and the boot has an id', async t => {
  t.ok(openFileLimit() > 2, String(openFileLimit()))
  t.match(readBootId(), /^[0-9a-f-]{36}$/)
})

t.test('a descriptor leads to its file when that has no name any more', async t => {
  const file = `${t.testdir({ a: 'text' })}/a`
  const fd = openSync(file, 'r')
  t.teardown(() => closeSync(fd))
  rmSync(file)
  t.equal(readFileSync(pathOfDescriptor(fd), 'utf8'), 'text')
})

t.test('the files of other processes are found', async t => {
  const holder = [...openFiles()].find(({ pid }) => pid === process.ppid)
  t.match(holder, { pid: process.ppid, name: /./, path: /^\/proc\/\d+\/fd\/\d+$/ })
})
