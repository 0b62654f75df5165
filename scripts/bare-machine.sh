#!/usr/bin/env bash
# The README's commands on a bare Debian 12: its first ones as root with the npm that Debian has (9), and as an ordinary user
# with npm 10; and `npm cit` as an ordinary user with npm 9, which skips nothing there. .ci/run starts it, as root.
# The machine is a directory made by debootstrap. It is kept as an archive, and npm's cache beside it, in
# ${XDG_CACHE_HOME:-~/.cache}/runner-test; npm's settings are those of the machine below.
set -euo pipefail
cd "$(dirname "$0")/.."

# Mounts and processes are in namespaces of their own, so they end with this script, however it ends.
if [ "${1-}" != inside ]; then
  work=$(mktemp -d)
  trap 'rm -rf --one-file-system "$work"' EXIT
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc "$0" inside "$work"
  exit
fi
work=$2 root=$2/root
# In memory: six times half a gigabyte of small files is written.
mount -t tmpfs -o mode=755,size=6g runner-test "$work"
kept=${XDG_CACHE_HOME:-~/.cache}/runner-test

make_machine() {
  debootstrap --variant=minbase --include=ca-certificates,git bookworm "$root"
  chroot "$root" apt-get install -q -y --no-install-recommends npm
  chroot "$root" apt-get clean
  # It is not installed: runner has to say so.
  chroot "$root" apt-get install -q -y --download-only libatomic1
  chroot "$root" useradd --create-home user
}

archive=$kept/bare-$(declare -f make_machine | sha256sum | cut -c 1-12).tar
mkdir -p "$root" "$kept/npm"
if [ -f "$archive" ]; then
  tar -C "$root" -xf "$archive"
else
  make_machine
  tar -C "$root" -cf "$archive.new" .
  mv "$archive.new" "$archive"
fi

mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mkdir "$root/npm"
mount --bind "$kept/npm" "$root/npm"

# The way in which this machine reaches the registry: names of hosts, settings and certificates.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
for setting in userconfig globalconfig cafile; do
  file=$(npm config get "$setting")
  [ ! -f "$file" ] || install -D -m 644 "$file" "$root$file"
  declare "$setting=$file"
done
[ ! -f "${NODE_EXTRA_CA_CERTS-}" ] || install -D -m 644 "$NODE_EXTRA_CA_CERTS" "$root$NODE_EXTRA_CA_CERTS"
mapfile -d '' -t settings < <(env -0 | grep -zEi '^(npm_config_[^=]*|https?_proxy|no_proxy|node_extra_ca_certs)=')
settings+=("npm_config_userconfig=${userconfig:?}" "npm_config_globalconfig=${globalconfig:?}"
  npm_config_cache=/npm npm_config_prefer_offline=true npm_config_update_notifier=false)

npm_folder=/usr/bin
# Runs a shell script on the machine: on_machine USER SCRIPT.
on_machine() {
  local home
  home=$(chroot "$root" getent passwd "$1" | cut -d : -f 6)
  chroot --userspec="$1:$1" "$root" env -i "HOME=$home" "PATH=$npm_folder:/usr/sbin:/usr/bin:/sbin:/bin" \
    LC_ALL=C.UTF-8 "${settings[@]}" sh -ec "cd; $2"
}

# A fresh copy of this checkout, less what git ignores, in the folder `runner` of a user's home; npm's cache is theirs.
clone_for() {
  on_machine "$1" 'rm -rf runner; mkdir runner'
  git ls-files -coz --exclude-standard | tar --ignore-failed-read --null -T - -c | tar -C "$work" -x --one-top-level=checkout
  chown -R --reference="$root$(on_machine "$1" pwd)" "$work/checkout" "$kept/npm"
  cp -a "$work/checkout/." "$root$(on_machine "$1" pwd)/runner"
  rm -r "$work/checkout"
}

say() { printf '\n%s\n' "bare machine: $*"; }
fail() { say "$*" >&2; exit 1; }

# The README's first command. Nothing is to be read before what runner says.
install_for() {
  say "$1, npm $(on_machine "$1" 'npm --version'): npm ci"
  clone_for "$1"
  on_machine "$1" 'cd runner; npm ci' 2>&1 | tee "$work/said"
  [ "$(wc -l <"$work/said")" -le 5 ] || fail 'npm ci says more than it should'
}

install_for root
say 'npm start without libatomic1, and with it'
status=0
on_machine root 'cd runner; npm start' >"$work/said" 2>&1 || status=$?
cat "$work/said"
[ "$status" = 69 ] || fail "npm start without libatomic1 ends with status $status, not 69"
advice=$(grep -o 'apt-get install .*' "$work/said") || fail 'the missing library is not named'
chroot "$root" sh -c "$advice -q -y"
on_machine root 'cd runner; npm start'

say "user, npm $(on_machine user 'npm --version'): npm cit, and nothing is skipped"
clone_for user
on_machine user 'cd runner; RUNNER_TEST_REQUIRE=1 npm cit' 2>&1 | tee "$work/said"
tail -n 1 "$work/said" | grep -q '^[1-9][0-9]* passed, 0 failed, 0 skipped$' || fail 'npm cit skips tests'
on_machine user 'cd runner; npm start'
say 'a plain npm pack fails without dist/, which the tests have built'
! on_machine user 'cd runner; rm -r dist; npm pack' || fail 'npm pack has made a package of nothing'

on_machine root 'npm install --silent --prefix /opt/npm npm@10'
npm_folder=/opt/npm/node_modules/.bin
install_for user
on_machine user 'cd runner; npm start'
! on_machine user 'cd runner; npm pack' || fail 'npm pack has made a package of nothing'
say 'done'
