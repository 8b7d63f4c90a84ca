#!/bin/sh
# A service that runs goes on as the new version; one that does not is left to whoever has
# set it up. Debian's second argument and RPM's first one tell an upgrade.
set -e

upgrade=no
case "$1" in
configure) [ -z "$2" ] || upgrade=yes ;;
abort-*) exit 0 ;;
[2-9]) upgrade=yes ;;
esac

if [ -d "${DPKG_ROOT:-}/run/systemd/system" ]; then
	systemctl daemon-reload
	if [ "$upgrade" = yes ]; then
		systemctl --no-block try-restart mksync.service
	fi
fi
