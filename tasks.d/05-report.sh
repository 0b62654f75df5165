#!/bin/sh
# Shows the facts. Its number would make it the first; `depends_on` makes it wait for the task that writes them.
set -eu
cd "${0%/*}/.."
file=$($RUNNER_CONFIG_CMD -g facts.file)
[ -n "$file" ] || { echo 'report: no facts'; exit 0; }
cat "$file"
