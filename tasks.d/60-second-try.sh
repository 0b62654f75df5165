#!/bin/sh
# Succeeds only when it is tried again, to show what that looks like: where [second-try] says how often.
set -eu
tries=$($RUNNER_CONFIG_CMD -g second-try.max_tries)
[ -n "$tries" ] || { echo 'second try: not configured, so the first one is enough'; exit 0; }
[ "$RUNNER_TRY" -ge 2 ] || { echo 'second try: not this time'; exit 1; }
echo "second try: try $RUNNER_TRY of $tries it is"
