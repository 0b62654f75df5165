#!/bin/sh
# The halt task: runs once when a task asks for it by status 2, or when the chain gives up.
echo "halt: on a real host this would power off, or tell somebody; $RUNNER_CONFIG_CMD is how it would know whom"
