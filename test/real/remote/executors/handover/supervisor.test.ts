import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { supervisorFile } from '../../../../../src/remote/executors/handover/supervisor.ts'
import { command } from '../../../../support/command.ts'
import { staticBusybox } from '../../../../support/images.ts'
import { testWith } from '../../../../support/require.ts'

const lines = 300

t.setTimeout(120_000)

testWith(t, 'a line that comes when the wait for it ends is not lost', [staticBusybox], async t => {
  const supervisor = readFileSync(supervisorFile, 'utf8')
  const listen = /^rnr_listen\(\) \{\n[\s\S]*?^\}\n/m.exec(supervisor)![0]
  const pipe = join(t.testdir(), 'orders')
  // Waits of a millisecond: each of them may end within a line.
  const script = `
${listen}
"${staticBusybox.path}" mkfifo "${pipe}"
exec 3<>"${pipe}"
(
  count=0
  while [ $count -lt ${lines} ]; do
    echo "watch 0123456789abcdef $count" >&3
    count=$((count + 1))
    [ $((count % 3)) -ne 0 ] || "${staticBusybox.path}" usleep 500
  done
  echo over >&3
) &
wanted=0
until [ "$rnr_verb" = over ]; do
  rnr_listen 0.001
  case "$rnr_verb $rnr_1 $rnr_2" in
    "watch 0123456789abcdef $wanted") wanted=$((wanted + 1)) ;;
    '  ' | 'over  ') ;;
    *) echo "$rnr_verb $rnr_1 $rnr_2 came, not $wanted" && exit ;;
  esac
done
echo "$wanted lines came"
`
  t.equal((await command(staticBusybox.path, ['sh', '-c', script])).trim(), `${lines} lines came`)
})
