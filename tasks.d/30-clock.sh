#!/bin/sh
# Says what the clock says, and fails while it cannot be right.
set -eu
earliest=$($RUNNER_CONFIG_CMD -g clock.earliest_year)
zone=$(readlink /etc/localtime 2>/dev/null | sed 's|.*zoneinfo/||') || zone=
echo "clock: $(date '+%Y-%m-%d %H:%M:%S %z'), time zone ${zone:-unknown}, up $(cut -d. -f1 /proc/uptime) s"
[ "$(date +%Y)" -ge "${earliest:-0}" ]
