#!/bin/sh

# Makes what the tests of packages and images start from: a bare Debian 12, as
# debian:12-slim is, without a registry of images.
#
#   base.sh [DIRECTORY]        by default build/packages
#
#   base-bookworm.tar   the root of it, of essential packages alone
#   apt-host.conf       how this machine's apt reaches its mirrors (proxies,
#                       time-outs); for use while a test installs, and in no
#                       package or image
#
# A tar that is there is taken as it is.  Packages come from the mirrors that
# this machine's apt has, or from DEBIAN_MIRROR and DEBIAN_SECURITY_MIRROR.

set -eu
umask 022

root=$(cd "$(dirname "$0")/../.." && pwd)
to=${1:-$root/build/packages}

# mirror_of SUITE: where apt finds it
mirror_of() {
    apt-get indextargets --format '$(REPO_URI)' "Codename: $1" | head -n 1
}
mirror=${DEBIAN_MIRROR:-$(mirror_of bookworm)}
security=${DEBIAN_SECURITY_MIRROR:-$(mirror_of bookworm-security)}

mkdir -p "$to"
(umask 077; apt-config dump | grep "^Acquire::" | grep -v "::IndexTargets" \
    > "$to/apt-host.conf.$$")
mv "$to/apt-host.conf.$$" "$to/apt-host.conf"
[ ! -e "$to/base-bookworm.tar" ] || exit 0

# two tests may want it at once
exec 9> "$to/base.lock"
flock 9
[ ! -e "$to/base-bookworm.tar" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

debootstrap --variant=minbase bookworm "$work/root" "$mirror" \
    > "$work/log" 2>&1 || { tail -n 15 "$work/log" >&2; exit 1; }

cat > "$work/root/etc/apt/sources.list" << END
deb $mirror bookworm main
deb $mirror bookworm-updates main
deb $security bookworm-security main
END

cd "$work/root"
rm -rf var/cache/apt/* var/lib/apt/lists/* var/log/bootstrap.log
rm -rf usr/share/doc/* usr/share/man/* usr/share/locale/*
rm -f etc/resolv.conf etc/hostname

tar --numeric-owner --one-file-system -cf "$to/base-bookworm.tar.new" \
    --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' .
mv "$to/base-bookworm.tar.new" "$to/base-bookworm.tar"
