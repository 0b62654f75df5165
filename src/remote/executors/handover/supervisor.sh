# PID 1 of an executor container: `busybox sh supervise.sh [once]`. It works in any image and uses no program of the image.
# With `once` the container gets no second job, so the supervisor does not look for changes that a job leaves.
#
# The supervisor reads orders, one a line, from the FIFO `orders` beside this file, and carries them out one at a time:
#
#   run KEY ID NONCE LIMIT GRACE SIGNAL OPEN   start the program of jobs/ID/order. LIMIT and GRACE are in 1/100 s; LIMIT 0
#                                              is no limit. With OPEN 1 any user may read and remove the job's files.
#   serve KEY ID NONCE LIMIT GRACE SIGNAL OPEN SIGN
#                                              the same for a plugin that can stay for further jobs (see below): give the job
#                                              to the plugin that stays and has the same SIGN, else start one
#   abort HALF                                 end the job: SIGNAL to the program alone, then after GRACE SIGKILL to every
#                                              process that is left
#   sweep KEY ID NONCE                         empty the directories that jobs share, and write to jobs/ID/exit whether the
#                                              container is as it was at its start: `clean`, `changed`, or `unfit` with the
#                                              reason why nobody can tell
#
# jobs/ID is the exchange directory of a job. The supervisor answers with two files there. It writes `started` before the
# program starts, and `exit` when no process of the job lives any more. The runner has filled `exit` with blanks, and the
# supervisor overwrites them with one write: so `exit` has its space even if the disk fills up. The first line of `exit` is
# the end of the job, the second one what the job has used (rnr_used); readers ignore everything after that.
#
# Once the supervisor has opened the FIFO, the runner moves it to a directory that no container sees, so a job can neither
# write to it nor read from it. Two more secrets guard against a job that writes to the FIFO all the same:
#   - KEY, with which each order begins that comes while no job lives. It was in the file `key` until the first order.
#   - NONCE, whose first HALF is in `started`. The whole NONCE is in `exit` alone, written when no job lives any more.
# Only the supervisor knows both, and no process can read its memory or its open files: its busybox may be executed but not
# read, so the kernel lets nobody trace it. For the same reason the log has no name here while a job lives. A runtime with a
# kernel of its own (gVisor) must read what it starts, and opens no FIFO for writing on a read-only mount: there busybox can be
# read, and the FIFOs are in /.runner/pipes, which is writable. Such a container has one job, which can cheat only for itself.
#
# A job in a container that is already open must start as fast as its program does, so the forks are made before the order
# comes. Two processes wait for it: one becomes the program, the other waits for the program's end. The FIFO `go` tells
# them the id of the job. `read` takes a system call or two for each byte, a fork takes a third of a millisecond, and
# another program takes a whole one.
#
# A plugin made with an SDK can stay for further jobs, so that its imports are paid for once. It gets each input by the API of
# Kubernetes, of which api.sh beside this file answers two calls: GET of one Secret, and WATCH of it. The Secret is a file,
# sdk/secret, which the first GET takes away, so no input is given out twice. A WATCH after the GET says that the job is over
# and that the plugin waits for the next one: then all processes are stopped by SIGSTOP, all but the plugin's are killed, the
# rest of the output goes to the log, and the output file moves to jobs/ID. `serve` puts the next Secret there and lets them
# go on. Where no GET comes in time the job has not begun: it starts in a new plugin, and at last as `run` does it.
#
# A plugin made with the SDK of Go takes only TLS, for which busybox has no server. There tls.sh is in the
# place of api.sh, and the runner itself answers LIST and WATCH. The one WATCH tells of many changes at once,
# so such a plugin asks for its next input as soon as a job is over. That SDK reads each input from
# INPUT_LOCATION where that is set: here it is a FIFO, to which a child of the supervisor, the giver, writes.
# So such a plugin needs the runner only after its first job. If no runner answers it then, the job is over,
# too, and its plugin is ended.
#
# A job may be hostile. It can signal every process but PID 1, and it can use up all processes so that no fork succeeds:
# so everything that must happen happens in this process, by shell builtins. Names begin with rnr_ so that no variable of
# an image is overwritten.

# The shell is busybox's: it has `read -t`, `read -n` and `exec -a`. The file `order` sets the variables that this file
# does not set.
# shellcheck shell=dash disable=SC2030,SC2031,SC3045,SC3038,SC2119,SC2120,SC2154,SC1091,SC2034,SC2086,SC2094

rnr_control=/.runner/control
rnr_box=$rnr_control/busybox
rnr_pipes=$rnr_control
[ ! -d /.runner/pipes ] || rnr_pipes=/.runner/pipes
rnr_jobs=/.runner/jobs
rnr_sdk=$rnr_jobs/sdk
# The port of the API, on the loopback of the container; the second form is that of /proc/net/tcp.
rnr_port=6443 rnr_port_hex=192B
# Hundredths of a second in which a plugin that stays must take its input, and a new one, which first has to start.
rnr_patience=1000 rnr_patience_new=6000

# Sets rnr_now: hundredths of a second since the boot of the host, a clock that never goes back. The shell would read 089 as
# an octal number: with gVisor the clock begins at 0.00.
rnr_clock() {
  read -r rnr_now rnr_rest </proc/uptime
  rnr_now=$((${rnr_now%.*} * 100 + 1${rnr_now#*.} - 100))
}

# Sets rnr_cpu to the time of processors that the container has used so far, in microseconds, and rnr_peak to the most memory
# that it had at once, in bytes, by its control groups; empty: not known. Without a namespace of its own for control groups, a
# container sees the numbers of the host under version 2, and these are not taken.
rnr_measure() {
  rnr_cpu='' rnr_peak='' rnr_rest=''
  if [ -r /sys/fs/cgroup/cpuacct/cpuacct.usage ]; then
    read -r rnr_cpu </sys/fs/cgroup/cpuacct/cpuacct.usage
    # Nanoseconds.
    rnr_cpu=${rnr_cpu%???}
    read -r rnr_peak 2>/dev/null </sys/fs/cgroup/memory/memory.max_usage_in_bytes
  else
    read -r rnr_rest 2>/dev/null </proc/self/cgroup
    [ "$rnr_rest" = 0::/ ] || return
    read -r rnr_rest rnr_cpu 2>/dev/null </sys/fs/cgroup/cpu.stat
    read -r rnr_peak 2>/dev/null </sys/fs/cgroup/memory.peak
  fi
}

# Sets rnr_used to a line about the job: `used`, microseconds of processors, and bytes of memory; `-`: not known. The kernel
# keeps one peak for the life of a container, so the peak of this job is known only if it is higher than all before it.
rnr_account() {
  rnr_measure
  rnr_used='used -'
  [ -z "$rnr_cpu" ] || [ -z "$rnr_cpu_before" ] || rnr_used="used $((rnr_cpu - rnr_cpu_before))"
  if [ "${rnr_peak:-0}" -gt "${rnr_peak_before:-0}" ]; then
    rnr_used="$rnr_used $rnr_peak"
  else
    rnr_used="$rnr_used -"
  fi
}

# Waits at most $1 seconds for a line of the FIFO; the end of a child ends the wait early. `read -t` drops what it has read of a
# line when its time is up, which happens on a busy host: so it reads one character, and a line that has begun is read without a
# limit. Each line is written at once, so the whole of it is there.
rnr_listen() {
  rnr_verb='' rnr_1='' rnr_2='' rnr_3='' rnr_4='' rnr_5='' rnr_6='' rnr_7='' rnr_8=''
  IFS='' read -r -n 1 -t "$1" rnr_verb <&3 && [ -n "$rnr_verb" ] || return
  IFS=' ' read -r rnr_rest rnr_1 rnr_2 rnr_3 rnr_4 rnr_5 rnr_6 rnr_7 rnr_8 <&3
  rnr_verb=$rnr_verb$rnr_rest
}

# Whether process $1 lives; a zombie does not, and no process does not. In `stat` the state follows the name: 15 characters, or 30 when
# escaped. A process is shown as a zombie, too, while threads other than its first one are still ending: until then it has its files.
rnr_alive() {
  [ -n "$1" ] && read -r -n 64 rnr_stat 2>/dev/null <"/proc/$1/stat" || return 1
  case ${rnr_stat##*) } in
    X* | '') return 1 ;;
    Z*) set -- "/proc/$1/task"/[0-9]* && [ $# -gt 1 ] ;;
  esac
}

# Finds the program of the job by the job's own PATH, as an engine does, and becomes it. The shell of busybox would run
# its own `ls` for a bare `ls`, so the program is started by its path; its argv[0] stays the name that the job gave.
rnr_become() {
  rnr_odd=''
  . ./order
  [ "$rnr_way" != serve ] || rnr_invite
  unset OLDPWD SHLVL PWD
  cd -- "$rnr_workdir" 2>/dev/null || rnr_refuse "its working directory $rnr_workdir is not there"
  unset OLDPWD PWD
  rnr_found=''
  case $rnr_program in
    */*) rnr_found=$rnr_program ;;
    *)
      rnr_folders=$PATH:
      while [ -z "$rnr_found" ] && [ -n "$rnr_folders" ]; do
        rnr_folder=${rnr_folders%%:*} rnr_folders=${rnr_folders#*:}
        rnr_folder=${rnr_folder:-.}
        [ -f "$rnr_folder/$rnr_program" ] && [ -x "$rnr_folder/$rnr_program" ] && rnr_found=$rnr_folder/$rnr_program
      done
      [ -n "$rnr_found" ] || rnr_refuse "there is no program $rnr_program in $PATH"
      ;;
  esac
  [ -e "$rnr_found" ] || rnr_refuse "there is no program $rnr_found"
  [ -d "$rnr_found" ] && rnr_refuse "the program $rnr_found is a directory"
  [ -x "$rnr_found" ] || rnr_refuse "the program $rnr_found is not executable"
  # The shell would run any other file as a script of its own.
  rnr_magic='cannot be read'
  { IFS='' read -r -n 4 rnr_magic; } 2>/dev/null <"$rnr_found"
  case $rnr_magic in
    '#!'* | ?ELF | 'cannot be read') ;;
    *) rnr_refuse "the program $rnr_found is neither a binary of this system nor a script that begins with #!" ;;
  esac
  # If `exec` fails, the shell prints the reason and exits.
  trap 'rnr_refuse "the system does not execute it"' EXIT
  [ -n "$rnr_odd" ] && eval "exec \"\$rnr_box\" env $rnr_odd \"\$rnr_found\" \"\$@\" 3>&-"
  exec -a "$rnr_program" "$rnr_found" "$@" 3>&-
}

# Sets the environment of a plugin that can stay.
rnr_invite() {
  unset INPUT_LOCATION SESSION_KEY CALLBACK_URL RESULT_SECRET_NAME KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT
  export EXECUTOR_EXECUTION_MODE=daemon INPUT_CONTEXT_SECRET=input RUNNER_NAMESPACE=runner
  export OUTPUT_LOCATION=$rnr_sdk/output
  if [ -e "$rnr_control/kubeconfig" ]; then
    export KUBECONFIG=$rnr_control/kubeconfig
  else
    export KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=$rnr_port INPUT_LOCATION=$rnr_sdk/input
  fi
  export NO_PROXY="127.0.0.1${NO_PROXY:+,$NO_PROXY}" no_proxy="127.0.0.1${no_proxy:+,$no_proxy}"
  # The output of a job must be out when the job ends, because the plugin does not end.
  export PYTHONUNBUFFERED="${PYTHONUNBUFFERED:-1}"
}

rnr_refuse() {
  echo "runner: the job cannot be started: $1" >&2
  echo "refused $rnr_token" 1>&3
  exit 127
}

# Forks two processes for the next job: the one that becomes the program, which first waits for `go`, and the waiter, which
# waits for the program's end. Both put the token in every line that they send. A program started by `&` would ignore SIGINT
# and SIGQUIT for good, so a command substitution starts the waiter; the waiter then kills the substitution's shell, and so
# becomes a child of PID 1. The waiter first writes its process id.
rnr_prepare() {
  rnr_count=$((rnr_count + 1)) rnr_token=$rnr_key-$rnr_count
  # The job's output is a pipe with one reader, the pump. The supervisor also holds the reading end until the job has ended,
  # and a writing end until the program has its own. All ends of both pipes are opened anew for each job: a pipe is empty
  # once its last end is closed.
  exec 8<>"$rnr_pipes/go" 4<>"$rnr_pipes/output" 5<"$rnr_pipes/output" 6>>"$rnr_pipes/output" 4>&-
  rnr_waiter=$(
    (
      read -r -n 40 rnr_self rnr_rest rnr_rest rnr_parent rnr_rest </proc/self/stat
      echo "$rnr_self"
      # The shell may print a line about the end of its child, which must not reach the job's output.
      exec </dev/null >/dev/null 2>&1 5<&- 6>&- 7>&- 9>&-
      kill -PIPE "$rnr_parent"
      umask 022
      (
        read -r rnr_id rnr_way <&8
        exec >>"$rnr_pipes/output" 2>&1 8<&-
        read -r -n 40 rnr_self rnr_rest </proc/self/stat
        echo "program $rnr_token $rnr_self" >&3
        cd "$rnr_jobs/$rnr_id" || rnr_refuse "its files are not there"
        rnr_become
      )
      rnr_code=$?
      echo "ended $rnr_token $rnr_code" >&3
    )
    :
  )
  # The waiter has killed the substitution's shell, so the status above is not 0.
  rnr_measure
  rnr_cpu_before=$rnr_cpu rnr_peak_before=$rnr_peak
}

# Kills every process but PID 1 and the pump. rnr_left is the number of processes that are still alive after that.
rnr_kill_all() {
  rnr_until='' rnr_stopped=''
  # The waiter is no longer needed.
  kill -KILL "$rnr_waiter" 2>/dev/null
  while :; do
    jobs -p >/dev/null
    rnr_left=0
    for rnr_pid in /proc/[0-9]*; do
      rnr_pid=${rnr_pid#/proc/}
      case $rnr_pid in 1 | "$rnr_pump") continue ;; esac
      rnr_alive "$rnr_pid" || continue
      rnr_left=$((rnr_left + 1))
      # One call stops all processes, so that none forks while the others are killed.
      [ -n "$rnr_stopped" ] || kill -STOP -1 2>/dev/null
      rnr_stopped=1
      kill -KILL "$rnr_pid" 2>/dev/null
    done
    [ $rnr_left -eq 0 ] && break
    rnr_clock
    rnr_until=${rnr_until:-$((rnr_now + 1000))}
    [ $rnr_now -ge $rnr_until ] && break
    rnr_listen 0.002
  done
  [ -n "$rnr_stopped" ] && kill -CONT "$rnr_pump" 2>/dev/null
  jobs -p >/dev/null
}

# Whether the plugin that stays can have another job, of the sign $1.
rnr_waits() {
  [ -n "$rnr_guest" ] && [ "$1" = "$rnr_sign" ] || return 1
  for rnr_pid in "$rnr_guest" "$rnr_waiter" "$rnr_relay" "$rnr_watch"; do rnr_alive "$rnr_pid" || return 1; done
}

# Ends the plugin that stays, and every other process.
rnr_dismiss() {
  rnr_pump=''
  rnr_kill_all
  exec 6>&-
  # Nothing that it has printed may reach the next job.
  [ $rnr_left -ne 0 ] || "$rnr_box" cat <&5 >/dev/null
  exec 5<&-
  rnr_guest='' rnr_relay='' rnr_giver='' rnr_watch=''
  [ $rnr_left -eq 0 ]
}

# Starts what answers the calls of plugins, unless it is there.
rnr_answer() {
  rnr_alive "$rnr_relay" && return
  [ -e "$rnr_control/kubeconfig" ] || rnr_give
  rnr_key=$rnr_key rnr_pipes=$rnr_pipes \
    "$rnr_box" nc -ll -p $rnr_port 127.0.0.1 -e "$rnr_control/api.sh" </dev/null >/dev/null 2>&1 5<&- 6>&- 7>&- 8>&- 9>&- &
  rnr_relay=$!
  until "$rnr_box" grep -q " 0100007F:$rnr_port_hex 00000000:0000 0A " /proc/net/tcp; do
    rnr_alive "$rnr_relay" || return
    rnr_listen 0.002
  done
}

# Starts the giver, which writes the inputs to the FIFO `input`. The giver opens the FIFO for writing when the
# plugin has opened it for reading: so the job before is over. Each job has another FIFO: the former one may
# still be open.
rnr_give() {
  (
    read -r -n 40 rnr_self rnr_rest </proc/self/stat
    exec </dev/null >/dev/null 2>&1 5<>"$rnr_pipes/wake" 6>&- 7>&- 8>&- 9>&-
    cd "$rnr_sdk" && "$rnr_box" mkfifo input && exec 4>input && "$rnr_box" rm input || exit 1
    while "$rnr_box" mv secret taken && "$rnr_box" mkfifo input; do
      echo "taken $rnr_key" >&3
      "$rnr_box" cat taken >&4 3>&-
      exec 4>&-
      exec 4>input
      echo "watch $rnr_key $rnr_self" >&3
      read -r rnr_rest <&5
    done
  ) &
  rnr_giver=$!
}

# The pump of the job: from the pipe of its output to its log.
rnr_pour() {
  "$rnr_box" cat <&5 >&7 3>&- 5<&- 6>&- 7>&- 8>&- 9>&- &
  rnr_pump=$!
}

# Hands the job over, as rnr_way says: to the plugin that stays, to a new one that can stay, or to a program.
rnr_hand_over() {
  rnr_taken='' rnr_take=0 rnr_leave=0
  if [ "$rnr_way" != serve ] || ! "$rnr_box" mv key secret "$rnr_sdk/"; then
    rnr_way=run
    [ -z "$rnr_guest" ] || { rnr_dismiss && rnr_prepare; }
    echo "$rnr_id run" >&8
    rnr_pour
    return
  fi
  rnr_clock
  rnr_take=$((rnr_now + rnr_patience_new))
  if [ -n "$rnr_guest" ]; then
    rnr_take=$((rnr_now + rnr_patience))
    rnr_main=$rnr_guest
    kill -CONT -1 2>/dev/null
    echo next 1<>"$rnr_pipes/wake"
  else
    rnr_answer
    echo "$rnr_id serve" >&8
  fi
}

# The plugin has not taken its input, because it ended or its time is up. Takes the input back: then the job has not begun,
# and is handed over anew.
rnr_take_back() {
  rnr_take=0
  if ! "$rnr_box" mv "$rnr_sdk/secret" secret 2>/dev/null; then
    # It has taken it just now.
    rnr_taken=1
    rnr_pour
    return
  fi
  "$rnr_box" mv "$rnr_sdk/key" key
  if [ $rnr_why != exit ]; then
    rnr_way=run rnr_code=${rnr_code:-137}
    rnr_pour
    return
  fi
  [ -n "$rnr_guest" ] || rnr_way=run rnr_note=unused
  rnr_dismiss || return
  rnr_code='' rnr_main='' rnr_refused=0
  rnr_prepare
  rnr_hand_over
}

# Whether the process of which rnr_alive has just read is one of those that answer the plugin: a child of `nc`, or a child of
# that one.
rnr_answers() {
  for rnr_level in 1 2; do
    rnr_parent=${rnr_stat##*) } rnr_parent=${rnr_parent#* } rnr_parent=${rnr_parent%% *}
    [ "$rnr_parent" != "$rnr_relay" ] || return 0
    read -r -n 64 rnr_stat 2>/dev/null <"/proc/$rnr_parent/stat" || return 1
  done
  return 1
}

# The job is over, and its plugin waits for the next one in the process $rnr_watch of api.sh or tls.sh. Stops both, ends every
# other process but the pump, and waits until all of the output is in the log. Fails where that is not certain within 10 s.
rnr_rest() {
  kill -STOP -1 2>/dev/null
  rnr_clock
  rnr_until=$((rnr_now + 1000))
  rnr_left=1
  while :; do
    jobs -p >/dev/null
    rnr_left=0
    for rnr_pid in /proc/[0-9]*; do
      rnr_pid=${rnr_pid#/proc/}
      case $rnr_pid in 1 | "$rnr_pump" | "$rnr_waiter" | "$rnr_main" | "$rnr_relay" | "$rnr_giver") continue ;; esac
      rnr_alive "$rnr_pid" || continue
      rnr_answers && continue
      rnr_left=$((rnr_left + 1))
      kill -KILL "$rnr_pid" 2>/dev/null
    done
    # A thread that writes is stopped behind its write.
    for rnr_thread in /proc/"$rnr_main"/task/[0-9]*; do
      read -r -n 64 rnr_stat 2>/dev/null <"$rnr_thread/stat" || continue
      case ${rnr_stat##*) } in T* | t*) ;; *) rnr_left=$((rnr_left + 1)) ;; esac
    done
    [ $rnr_left -eq 0 ] && break
    rnr_clock
    [ $rnr_now -lt $rnr_until ] || return 1
    rnr_listen 0.002
  done
  # The pump sleeps only when it waits for more, so then the pipe is empty.
  kill -CONT "$rnr_pump" 2>/dev/null
  while :; do
    read -r -n 64 rnr_stat 2>/dev/null <"/proc/$rnr_pump/stat" || return 1
    case ${rnr_stat##*) } in S*) break ;; Z* | X*) return 1 ;; esac
    rnr_clock
    [ $rnr_now -lt $rnr_until ] || return 1
    rnr_listen 0.002
  done
  kill -KILL "$rnr_pump"
  wait "$rnr_pump"
  rnr_pump='' rnr_guest=$rnr_main
  rnr_alive "$rnr_guest" && rnr_alive "$rnr_watch"
}

rnr_run() {
  rnr_way=$rnr_verb rnr_id=$rnr_2 rnr_nonce=$rnr_3 rnr_limit=$rnr_4 rnr_grace=$rnr_5 rnr_signal=$rnr_6 rnr_open=$rnr_7
  rnr_half=${rnr_nonce%????????????????}
  rnr_asked=$rnr_8
  cd "$rnr_jobs/$rnr_id" || return 1
  exec 7>>log 9<>./exit || return 1
  # The runner has linked the log under another name. A file that the job makes under this one is not the log.
  "$rnr_box" rm -f log || return 1
  jobs -p >/dev/null
  if [ -n "$rnr_guest" ] && { [ "$rnr_way" = run ] || ! rnr_waits "$rnr_asked"; }; then rnr_dismiss || return 1; fi
  rnr_sign=$rnr_asked
  if [ -n "$rnr_guest" ]; then
    rnr_measure
    rnr_cpu_before=$rnr_cpu rnr_peak_before=$rnr_peak
  else
    kill -0 "$rnr_waiter" 2>/dev/null || rnr_prepare
  fi
  rnr_end=0 rnr_kill=0 rnr_why=exit rnr_code='' rnr_main='' rnr_sent='' rnr_refused=0 rnr_hard=0 rnr_note=''
  [ "$rnr_limit" -gt 0 ] && rnr_clock && rnr_end=$((rnr_now + rnr_limit))
  echo "$rnr_half" >started || return 1
  rnr_pump='' rnr_rests=''
  rnr_hand_over

  while [ -z "$rnr_code" ]; do
    rnr_wait=50
    for rnr_time in $rnr_end $rnr_kill $rnr_take $rnr_leave; do
      [ "$rnr_time" -gt 0 ] || continue
      rnr_clock
      [ $((rnr_time - rnr_now)) -lt $rnr_wait ] && rnr_wait=$((rnr_time - rnr_now))
    done
    [ $rnr_wait -lt 1 ] && rnr_wait=1
    [ $rnr_wait -lt 10 ] && rnr_wait=0$rnr_wait
    rnr_listen 0.$rnr_wait
    rnr_hear
    if [ -z "$rnr_verb" ]; then
      # A child may have ended. If the job has killed the waiter, the job is over.
      jobs -p >/dev/null
      if ! rnr_alive "$rnr_waiter"; then
        # The waiter may have sent its line already: on a busy host `read -t` can time out before it has run at all.
        for rnr_try in 1 2 3; do
          rnr_listen 0.5
          rnr_hear
          [ -z "$rnr_code" ] || break
        done
        rnr_code=${rnr_code:-137}
      fi
      # The same goes for the giver.
      [ -z "$rnr_giver" ] || rnr_alive "$rnr_giver" || rnr_code=${rnr_code:-137}
    fi
    if [ "$rnr_take" -gt 0 ]; then
      rnr_clock
      { [ -n "$rnr_code" ] || [ "$rnr_now" -ge "$rnr_take" ] || [ $rnr_why != exit ]; } && rnr_take_back
    fi
    [ "$rnr_leave" -eq 0 ] || { rnr_clock && [ "$rnr_now" -lt "$rnr_leave" ] || rnr_code=${rnr_code:-0}; }
    [ -z "$rnr_code" ] || break
    [ -n "$rnr_verb" ] || [ -z "$rnr_pump" ] || rnr_alive "$rnr_pump" || rnr_lost
    [ "$rnr_end$rnr_why" = 0exit ] && continue
    rnr_clock
    [ "$rnr_end" -gt 0 ] && [ "$rnr_now" -ge "$rnr_end" ] && [ $rnr_why = exit ] && rnr_why=limit
    if [ $rnr_why != exit ] && [ -n "$rnr_main" ] && [ -z "$rnr_sent" ]; then
      rnr_sent=1 rnr_end=0 rnr_kill=$((rnr_now + rnr_grace))
      kill -s "$rnr_signal" "$rnr_main" 2>/dev/null
    fi
    [ "$rnr_kill" -gt 0 ] && [ "$rnr_now" -ge "$rnr_kill" ] && rnr_code=137 rnr_hard=1
  done

  exec 6>&-
  if [ -z "$rnr_rests" ] || [ $rnr_why != exit ] || ! rnr_rest; then
    rnr_guest='' rnr_relay='' rnr_giver=''
    rnr_kill_all
    [ $rnr_left -ne 0 ] || rnr_empty_pipe
    exec 5<&-
  fi
  exec 7>&- 8>&-
  if [ -n "$rnr_asked" ]; then
    [ "$rnr_way$rnr_leave" != serve0 ] || [ -n "$rnr_guest" ] || [ "$rnr_why $rnr_code" != 'exit 0' ] || rnr_note=left
    [ -z "$rnr_guest" ] || rnr_note=stays
    [ "$rnr_way" = run ] || "$rnr_box" mv "$rnr_sdk/output" output 2>/dev/null
    "$rnr_box" find "$rnr_sdk" -mindepth 1 -maxdepth 1 -exec "$rnr_box" rm -rf {} +
  fi
  [ "$rnr_open" = 1 ] && rnr_open_up . a+rwX
  rnr_account
  rnr_end_with "$rnr_nonce $rnr_code $rnr_why $rnr_hard $rnr_refused $rnr_left
$rnr_used
$rnr_note" || return 1
  # The secrets of the job are removed here, since a runner that would remove them may not be running.
  "$rnr_box" rm -f input order secret key
  cd /
  [ $rnr_left -eq 0 ]
}

# Puts the rest of the output into the log when all writers are gone. If the job has killed the pump, it is still in the pipe.
rnr_empty_pipe() {
  rnr_status=137
  if [ -n "$rnr_pump" ]; then
    while wait "$rnr_pump"; rnr_status=$?; [ $rnr_status -gt 128 ] && rnr_alive "$rnr_pump"; do :; done
  fi
  [ $rnr_status -eq 0 ] || "$rnr_box" cat <&5 >&7 || rnr_status=1
  [ $rnr_status -ne 1 ] || [ $rnr_why != exit ] || rnr_why=disk
  rnr_pump=''
}

# Writes $1 over the blanks in `exit`. If `exit` is no longer the file of the runner, the job has put another one in its
# place, and that one is removed first. Nothing is checked after the write: the runner may have moved or removed the
# exchange directory by then.
rnr_end_with() {
  if [ -L ./exit ] || ! [ ./exit -ef /proc/self/fd/9 ] || ! { echo "$1" >&9; }; then
    "$rnr_box" rm -rf exit
    echo "$1" >./exit || return 1
  fi
  exec 9>&-
}

# The pump has ended. If it could not write, the output of the job is lost and the full pipe would block the job for ever, so
# the job is ended: its disk is full.
rnr_lost() {
  wait "$rnr_pump"
  [ $? -eq 1 ] && [ $rnr_why = exit ] && rnr_why=disk
}

# Takes a line of the FIFO that is about the present job.
rnr_hear() {
  case "$rnr_verb $rnr_1" in
    "program $rnr_token")
      [ -n "$rnr_main" ] || rnr_main=$rnr_2
      exec 6>&-
      ;;
    "refused $rnr_token") rnr_refused=1 ;;
    "ended $rnr_token") rnr_code=$rnr_2 ;;
    "taken $rnr_key") [ -n "$rnr_taken" ] || { rnr_taken=1 rnr_take=0 && rnr_pour; } ;;
    "watch $rnr_key") [ -z "$rnr_taken" ] || rnr_code=0 rnr_rests=1 rnr_watch=$rnr_2 ;;
    "call $rnr_key")
      [ -z "$rnr_taken" ] || [ ! -s "$rnr_sdk/output" ] || [ "$rnr_leave" -gt 0 ] || {
        rnr_clock
        rnr_leave=$((rnr_now + rnr_patience / 2))
      }
      ;;
    "abort $rnr_half") [ $rnr_why = exit ] && rnr_why=abort ;;
  esac
}

# Sets the mode $2 on everything in directory $1, but not on $1 itself: it may belong to another user, and then chmod would
# fail before it reached the files. Symbolic links are not followed.
rnr_open_up() {
  "$rnr_box" find "$1" -mindepth 1 -maxdepth 1 ! -type l -exec "$rnr_box" chmod -R "$2" {} + 2>/dev/null
}

# Sets rnr_unfit to the reason why changes by a job could not be seen in this container; empty: they can be seen. Sets
# rnr_points to the mounts to which a job can write.
#
# Each kind of file system in the list below gives a file a new ctime whenever anything of the file changes, and no process
# can set the ctime back. File systems with settings of the kernel do not do that. The owner of a directory can hide bytes
# in its extended attributes, which busybox cannot read. The ctime of a directory that the sweep empties tells nothing, so
# such a directory must belong to another user than the jobs run as.
rnr_survey() {
  rnr_unfit='' rnr_points='' rnr_kinds=' '
  while IFS=' ' read -r rnr_1 rnr_2 rnr_3 rnr_4 rnr_point rnr_flags rnr_rest; do
    case "$rnr_point $rnr_flags" in
      '/proc/sys ro'*) rnr_kinds="$rnr_kinds/proc/sys=ro " && continue ;;
      *' ro' | *' ro,'*) continue ;;
    esac
    rnr_kind=${rnr_rest#*- } rnr_kind=${rnr_kind%% *}
    case $rnr_point in
      /proc | "$rnr_jobs") continue ;;
      /tmp | /dev/shm | /dev/mqueue) rnr_kinds="$rnr_kinds$rnr_point=$rnr_kind " && continue ;;
    esac
    case $rnr_kind in
      overlay | tmpfs | devpts | ext[234] | xfs | btrfs | zfs | f2fs) ;;
      *) rnr_unfit="changes in $rnr_point cannot be seen: it is $rnr_kind" ;;
    esac
    case $rnr_point in
      *[!A-Za-z0-9/._-]*) rnr_unfit="the name of the mount $rnr_point cannot be read" ;;
      *) rnr_points="$rnr_points $rnr_point" ;;
    esac
  done </proc/self/mountinfo
  for rnr_point in /proc/sys=ro /tmp=tmpfs /dev/shm=tmpfs /dev/mqueue=mqueue; do
    case $rnr_kinds in *" $rnr_point "*) ;; *) rnr_unfit="the engine does not mount $rnr_point" ;; esac
  done
  # A job can change a file within the second in which the file was made, and times in whole seconds would not show it.
  rnr_time=$("$rnr_box" stat -c %z /dev/shm)
  case ${rnr_time#*.} in
    [0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]*) ;;
    *) rnr_time=.000000000 ;;
  esac
  case $rnr_time in
    *.000000000*) rnr_unfit='the busybox of this host tells times of files in seconds: install a newer one' ;;
  esac
  for rnr_folder in "$rnr_jobs" /tmp /dev/shm; do
    [ -O "$rnr_folder" ] && rnr_unfit="jobs run as the user who owns $rnr_folder"
  done
}

# Prints everything that a job could leave for the next one: files, by attributes that no process can set back; attributes of
# PID 1, which the next job inherits; and System V IPC. Arguments: the mounts that rnr_survey has found.
rnr_print() {
  "$rnr_box" find "$@" -xdev \
    '(' -path "$rnr_jobs" -o -path "$rnr_control" -o -path /tmp -o -path /dev/shm -o -path /dev/mqueue ')' -prune -o \
    -exec "$rnr_box" stat -c '%n %f %t,%T %i %u %g %s %z' {} + 2>/dev/null
  # The engine mounts these three files into each container; if it does not, they are files of the image.
  "$rnr_box" head -c 65536 /etc/hosts /etc/hostname /etc/resolv.conf 2>/dev/null
  "$rnr_box" find /tmp /dev/shm /dev/mqueue -exec "$rnr_box" stat -c '%n %f %t,%T %i %u %g' {} + 2>/dev/null
  "$rnr_box" cat /proc/self/mountinfo /proc/sysvipc/* /proc/1/limits /proc/1/oom_score_adj /proc/1/coredump_filter \
    /proc/1/autogroup 2>/dev/null
  "$rnr_box" grep _allowed_list: /proc/1/status
  # The priorities and the scheduling policy of PID 1.
  "$rnr_box" cut -d ' ' -f 18,19,40,41 /proc/1/stat
  "$rnr_box" ionice -p 1
}

# Prints a digest of what rnr_print prints.
rnr_digest() {
  IFS=' '
  rnr_print $rnr_points | "$rnr_box" sha256sum
}

# Whether a directory is empty.
rnr_empty() {
  set -- "$1"/* "$1"/.[!.]* "$1"/..?*
  [ $# -eq 3 ] && [ ! -e "$1" ] && [ ! -L "$1" ] && [ ! -e "$2" ] && [ ! -L "$2" ] && [ ! -e "$3" ]
}

rnr_sweep() {
  rnr_id=$rnr_2 rnr_nonce=$rnr_3 rnr_verdict=changed
  if [ -n "$rnr_unfit" ]; then
    rnr_verdict="unfit $rnr_unfit"
  else
    for rnr_folder in /tmp /dev/shm /dev/mqueue; do
      rnr_empty "$rnr_folder" && continue
      rnr_open_up "$rnr_folder" u+rwX
      "$rnr_box" find "$rnr_folder" -mindepth 1 -maxdepth 1 -exec "$rnr_box" rm -rf {} + 2>/dev/null
    done
    # The owner of a directory may set its times to any value, so they are set anew.
    "$rnr_box" touch -c /tmp /dev/shm /dev/mqueue 2>/dev/null
    [ "$(rnr_digest)" = "$rnr_blank" ] && rnr_verdict=clean
  fi
  cd "$rnr_jobs/$rnr_id" || return 1
  echo "$rnr_nonce $rnr_verdict" >./exit || return 1
  cd /
}

umask 0
cd / || exit 1
# A variable of the image's environment is passed on to jobs with any value that it gets here, so these are unset first.
unset rnr_key rnr_nonce rnr_1 rnr_2 rnr_3
read -r rnr_key <"$rnr_control/key" || exit 1
trap : CHLD
rnr_unfit='it was made for one job'
[ "$1" = once ] || rnr_survey
if [ -z "$rnr_unfit" ]; then
  rnr_clock
  rnr_began=$rnr_now
  rnr_blank=$(rnr_digest)
  rnr_clock
  [ $((rnr_now - rnr_began)) -lt 1000 ] || rnr_unfit='it takes more than 10 s to look over its files'
fi
exec 3<>"$rnr_pipes/orders"
rnr_count=0 rnr_guest='' rnr_relay='' rnr_giver='' rnr_watch=''
rnr_prepare
while :; do
  rnr_listen 3600
  case "$rnr_verb $rnr_1" in
    "run $rnr_key" | "serve $rnr_key") rnr_run || exit 1 ;;
    "sweep $rnr_key") rnr_sweep && { [ -n "$rnr_guest" ] || rnr_prepare; } || exit 1 ;;
  esac
done
