#!/bin/sh
# A package that goes takes its service with it; one that is upgraded keeps it running.
set -e

case "$1" in
remove | 0)
	if [ -d "${DPKG_ROOT:-}/run/systemd/system" ]; then
		systemctl disable --now mksync.service
	fi
	;;
esac
