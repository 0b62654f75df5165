# Answers one request of a plugin that can stay for further jobs, on standard input and output: `nc`, started
# by supervisor.sh, runs this file for each connection. The runner puts a line before it that names busybox
# as its interpreter. It answers as much of the API of Kubernetes as the SDKs ask for. The API has one
# Secret, runner/input, in the folder /.runner/jobs/sdk:
#
#   GET     the file `secret`, once: it is renamed to `taken`
#   WATCH   the file `key`, which is the Secret without its input: at once, and again when the next job has
#           put another one there
#
# The supervisor hears of both on its FIFO, which is open as 3. It has set rnr_key and rnr_pipes.
# shellcheck shell=dash disable=SC2034,SC3045,SC2154

exec 2>/dev/null
rnr_box=/.runner/control/busybox
rnr_return=$(printf '\r')
cd /.runner/jobs/sdk || exit 1

IFS=' ' read -r -t 10 rnr_method rnr_target rnr_rest || exit 1
while read -r -t 10 rnr_line && [ "$rnr_line" != "$rnr_return" ] && [ -n "$rnr_line" ]; do :; done

# The head of an answer with the status $1 and further lines.
rnr_head() {
  printf 'HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: close\r\n' "$1"
  shift
  [ $# -eq 0 ] || printf '%s\r\n' "$@"
  printf '\r\n'
}

rnr_event() {
  printf '{"type":"%s","object":' "$1"
  "$rnr_box" cat key
  printf '}\n'
}

case "$rnr_method $rnr_target" in
  'GET /api/v1/namespaces/runner/secrets/input' | 'GET /api/v1/namespaces/runner/secrets/input?'*)
    if "$rnr_box" mv secret taken; then
      echo "taken $rnr_key" >&3
      rnr_head '200 OK' "Content-Length: $("$rnr_box" stat -c %s taken)"
      "$rnr_box" cat taken
    else
      rnr_head '404 Not Found'
      echo '{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"this input has been read"}'
    fi
    ;;
  'GET /api/v1/namespaces/runner/secrets?'*watch=[Tt1]*)
    # Open before the supervisor hears of it, so that its line is not lost.
    exec 4<>"$rnr_pipes/wake"
    rnr_head '200 OK'
    # A client that names a version knows that one.
    case $rnr_target in *resourceVersion=[0-9]*) ;; *) rnr_event ADDED ;; esac
    echo "watch $rnr_key $$" >&3
    read -r rnr_line <&4
    rnr_event MODIFIED
    ;;
  *)
    rnr_head '404 Not Found'
    echo '{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"runner answers GET and WATCH of one Secret"}'
    ;;
esac
