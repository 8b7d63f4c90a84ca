#!/bin/sh
# The events in /var/lib/mksync stay, and so does the user that they belong to.
set -e

case "$1" in
remove | purge | 0)
	if [ -d "${DPKG_ROOT:-}/run/systemd/system" ]; then
		systemctl daemon-reload
	fi
	;;
esac
