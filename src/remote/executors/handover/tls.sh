# Carries one connection of a plugin that takes nothing but TLS, on standard input and output: `nc`, started
# by supervisor.sh, runs this file for each connection in place of api.sh. The runner puts a line before it
# that names busybox as its interpreter. The other end of the connection is in the runner, which knows of it
# by two FIFOs in the folder /.runner/jobs/sdk:
#
#   call.PID.to     from the plugin to the runner
#   call.PID.from   from the runner to the plugin
#
# The supervisor hears on its FIFO, which is open as 3, of each connection (`call`). It has set rnr_key.
# shellcheck shell=dash disable=SC2154

exec 2>/dev/null
rnr_box=/.runner/control/busybox
cd /.runner/jobs/sdk || exit 1

# A command in the background would have no standard input.
exec 7<&0
echo "call $rnr_key" >&3
"$rnr_box" mkfifo call.$$.to call.$$.from || exit 1
"$rnr_box" dd bs=65536 <&7 >call.$$.to 3>&- &
"$rnr_box" dd bs=65536 <call.$$.from 3>&- 7<&-
# The connection is over, or the runner has gone. Then the plugin is not told, since it would ask again.
wait
