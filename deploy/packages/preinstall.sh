#!/bin/sh
# The service's user comes before the files that belong to its group.
set -e

if ! getent passwd mksync >/dev/null; then
	useradd --system --user-group --home-dir /var/lib/mksync --no-create-home --shell /usr/sbin/nologin mksync
fi
