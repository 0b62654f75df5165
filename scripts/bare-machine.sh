#!/usr/bin/env bash
# The README's first commands on a bare Debian 12, as root and as an ordinary user, with the npm that Debian has (9) and
# with npm 10; and, once, tests that must skip what such a machine lacks. .ci/run starts it, as root.
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

# How this machine reaches the registry: names of hosts, settings and certificates.
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

# The README's command. Nothing is to be read before what runner says.
first_hour() {
  say "$1, npm $(on_machine "$1" 'npm --version'): npm ci && npm start"
  clone_for "$1"
  on_machine "$1" 'cd runner; npm ci' 2>&1 | tee "$work/said"
  [ "$(wc -l <"$work/said")" -le 5 ] || fail 'npm ci says more than it should'
  on_machine "$1" 'cd runner; npm start'
}

say 'without libatomic1'
clone_for root
on_machine root 'cd runner; npm ci'
status=0
on_machine root 'cd runner; npm start' >"$work/said" 2>&1 || status=$?
cat "$work/said"
[ "$status" = 69 ] || fail "npm start without libatomic1 ends with status $status, not 69"
advice=$(grep -o 'apt-get install .*' "$work/said") || fail 'the missing library is not named'
chroot "$root" sh -c "$advice -q -y"

first_hour root
first_hour user
say 'what this machine lacks is skipped'
on_machine user 'cd runner; npm test -- test/launcher.test.ts test/config'
say 'a plain npm pack fails without dist/'
! on_machine user 'cd runner; npm pack' || fail 'npm pack has made a package of nothing'

on_machine root 'npm install --silent --prefix /opt/npm npm@10'
npm_folder=/opt/npm/node_modules/.bin
first_hour root
first_hour user
! on_machine user 'cd runner; npm pack' || fail 'npm pack has made a package of nothing'
say 'done'
