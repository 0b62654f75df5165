#!/bin/sh
# Fails while less memory is available than [limits] memory_mb asks for.
set -eu
floor=$($RUNNER_CONFIG_CMD -g limits.memory_mb)
free=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
echo "memory: ${free:?no MemAvailable in /proc/meminfo} MB available, at least ${floor:-0} MB wanted"
[ "$free" -ge "${floor:-0}" ]
