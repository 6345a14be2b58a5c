#!/bin/sh

# Builds the Debian packages into BUILD/deb:
#
#   claude-deb.sh BUILD
#
# from what git tracks, as it lies here.  The version is CLAUDE_VERSION of
# src/core/claude_core.h; DEB_REVISION is that of the packages, 1.

set -eu
umask 022

build=${1:?a directory}
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$build/deb"
deb=$(cd "$build/deb" && pwd)
cd "$root"

version=$(sed -n 's/^#define CLAUDE_VERSION  *"\(.*\)"$/\1/p' \
    src/core/claude_core.h)
version=$version-${DEB_REVISION:-1}

tracked() {
    if [ -e .git ]; then
        git ls-files -z
    else
        find . \( -name .git -o -name .run -o -name build \
            -o -name node_modules \) -prune -o -type f -print0
    fi
}

# when the sources last changed, so that two builds give the same packages
when() {
    git log -1 --format=%ct 2> /dev/null || stat -c %Y CHANGELOG.md
}

src=$deb/nginx-claude
rm -rf "$src"
rm -f "$deb"/*.deb "$deb"/*.buildinfo "$deb"/*.changes
mkdir "$src"
tracked | tar -c --null --ignore-failed-read -T - 2> /dev/null \
    | tar -x -C "$src"

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(when)}
export SOURCE_DATE_EPOCH
maintainer=$(sed -n 's/^Maintainer: //p' debian/control)
cat > "$src/debian/changelog" << END
nginx-claude ($version) unstable; urgency=medium

  * See /usr/share/doc/libnginx-mod-http-claude/changelog.gz.

 -- $maintainer  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
END

if ! (cd "$src" && dpkg-buildpackage -us -uc -b) > "$deb/build.log" 2>&1; then
    tail -n 30 "$deb/build.log" >&2
    echo "dpkg-buildpackage failed: $deb/build.log has all of it" >&2
    exit 1
fi

rm -rf "$src"
ls "$deb"/*.deb
