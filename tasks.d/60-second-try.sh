#!/bin/sh
# Succeeds only when it is tried again, to show what that looks like.
[ "$RUNNER_TRY" -ge 2 ] || { echo 'second try: not this time'; exit 1; }
echo "second try: try $RUNNER_TRY of $($RUNNER_CONFIG_CMD -g second-try.max_tries) it is"
