#!/bin/sh
# Clears old files out of this chain's own cache directory, which a marker of its own tells from any other.
set -eu
cd "${0%/*}/.."
directory=$($RUNNER_CONFIG_CMD -g cache.directory)
days=$($RUNNER_CONFIG_CMD -g cache.keep_days)
[ -n "$directory" ] || { echo 'cache: none configured'; exit 0; }
if [ ! -e "$directory" ]; then
  mkdir -p "$directory"
  : > "$directory/.runner-cache"
fi
[ -f "$directory/.runner-cache" ] || { echo "cache: $directory is not ours, leaving it alone"; exit 0; }
old=$(find "$directory" -xdev -type f ! -name .runner-cache -mtime "+${days:-7}" | wc -l)
find "$directory" -xdev -type f ! -name .runner-cache -mtime "+${days:-7}" -exec rm -f {} +
echo "cache: $old files older than ${days:-7} days cleared from $directory"
