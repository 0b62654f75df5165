import t from 'tap'
import { buildRunnerName, taskName } from '../../src/chain/names.ts'

t.test('a name is the file name less a number before it and its last suffix', async t => {
  const names = {
    '3-a-b-c.py': 'a-b-c',
    'check-ami.py': 'check-ami',
    '010-disk.sh': 'disk',
    '10-archive.tar.gz': 'archive.tar',
    disk: 'disk',
    '7': '7',
    '7-': '7-',
    '1-2-x': '2-x',
    'a10-b.sh': 'a10-b',
    '5-ä ö.sh': 'ä ö',
  }
  for (const [file, name] of Object.entries(names)) t.equal(taskName(file), name, file)
})

t.test(
  "build-runner's name loses everything up to the first dash, and all other dashes and dots",
  async t => {
    const names = {
      '3-a-b-c.py': 'abc',
      'check-ami.py': 'ami',
      'disk.sh': 'disk',
      disk: 'disk',
      '1-a.b.c.sh': 'abc',
    }
    for (const [file, name] of Object.entries(names)) t.equal(buildRunnerName(file), name, file)
  },
)
