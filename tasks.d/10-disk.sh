#!/bin/sh
# Fails while less disk is free than [limits] disk_mb asks for.
set -eu
path=$($RUNNER_CONFIG_CMD -g limits.disk_path)
floor=$($RUNNER_CONFIG_CMD -g limits.disk_mb)
free=$(df -Pk "${path:-/}" | awk 'NR == 2 { print int($4 / 1024) }')
echo "disk: $free MB free on ${path:-/}, at least ${floor:-0} MB wanted"
[ "$free" -ge "${floor:-0}" ]
