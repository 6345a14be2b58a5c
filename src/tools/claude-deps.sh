#!/bin/sh

# Installs what is missing: Debian packages with apt-get, npm modules with
# npm ci.  What is there and new enough stays as it is.
#
#   claude-deps.sh build|run|test|check-clients|bench|fuzz|deb|check-packages

set -eu
umask 022

# nothing that is started here has a use for a credential
unset CLAUDE_CODE_OAUTH_TOKEN ANTHROPIC_API_KEY

what=${1:-run}
root=$(cd "$(dirname "$0")/../.." && pwd)

say() { echo "$*" >&2; }
die() { say "error: $*"; exit 1; }

# there is PACKAGE FILE|COMMAND...: all of these are there
there() {
    package=$1
    shift
    for thing; do
        case $thing in
        /*) [ -e "$thing" ] || return 1 ;;
        *) command -v "$thing" > /dev/null || return 1 ;;
        esac
    done
}

# PATH of an ordinary user has no sbin
PATH=$PATH:/usr/sbin:/sbin

missing() {
    while read -r package things; do
        there "$package" $things || printf ' %s' "$package"
    done
}

packages() {
    missing <<- END
	gcc gcc
	libc6-dev /usr/include/stdlib.h
	nginx nginx
	nginx-dev /usr/share/nginx/src/configure
	libsodium-dev /usr/include/sodium.h
	libyajl-dev /usr/include/yajl/yajl_parse.h
	END

    case $what in deb | check-packages) missing <<- END
	debhelper dh
	dpkg-dev dpkg-buildpackage
	fakeroot fakeroot
	END
    esac

    [ "$what" != check-packages ] || missing <<- END
	bash-completion /usr/share/bash-completion/bash_completion
	curl curl
	debootstrap debootstrap
	iptables iptables
	libyaml-libyaml-perl /usr/lib/*/perl5/*/YAML/XS.pm
	lintian lintian
	man-db man
	netavark /usr/lib/podman/netavark
	openssl openssl
	perl prove
	podman podman
	runc runc
	systemd systemd-analyze
	systemd-container systemd-nspawn
	END

    [ "$what" = build ] || [ "$what" = deb ] || missing <<- END
	nodejs node
	npm npm
	openssl openssl
	ca-certificates /etc/ssl/certs/ca-certificates.crt
	curl curl
	util-linux setpriv
	END

    case $what in test | check-clients | fuzz | bench) missing <<- END
	perl prove
	procps ps
	END
    esac

    [ "$what" != test ] || missing <<- END
	acl setfacl
	chromium chromium
	valgrind valgrind
	prometheus prometheus promtool
	END

    [ "$what" != bench ] || missing <<- END
	wrk wrk
	valgrind valgrind
	linux-perf perf
	END

    [ "$what" != fuzz ] || missing <<- END
	clang clang
	libclang-rt-dev /usr/lib/llvm-*/lib/clang/*/lib/linux/*fuzzer-*.a
	END
}

# Run by root.  Debian starts a service as soon as it is installed; nobody
# asked for a second nginx on port 80.
apt='
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap "rm -f $policy" EXIT
        trap "exit 1" INT TERM HUP
        printf "#!/bin/sh\nexit 101\n" > $policy
        chmod 755 $policy
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update || echo "going on with the old lists"
    apt-get -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=120 install "$@"
'

install_packages() {
    list=$(packages)
    [ -n "$list" ] || return 0

    command -v apt-get > /dev/null \
        || die "there is no apt-get here to install these with:$list"

    sudo=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo > /dev/null || die "these Debian packages are" \
            "missing, and there is no sudo; as root: apt-get install$list"
        sudo=sudo
    fi

    say "Installing Debian packages (this may take minutes):$list"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT

    if ! $sudo sh -c "$apt" sh $list > "$log" 2>&1; then
        tail -n 15 "$log" >&2
        die "could not install Debian packages:$list"
    fi

    rm -f "$log"
    hash -r

    list=$(packages)
    [ -z "$list" ] || die "installed, but still not found:$list"
}

check_node() {
    node -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 18 || (major === 18 && minor >= 14) ? 0 : 1);
    ' || die "$(command -v node) is $(node --version 2>&1):" \
        "Node 18.14 or later is needed (Debian 12 has it as package nodejs)"
}

# npm writes node_modules/.package-lock.json when all else is there
install_modules() {
    cd "$root/$1"
    if [ node_modules/.package-lock.json -nt package-lock.json ]; then
        return 0
    fi

    [ -w . ] || die "can't write to $PWD"
    say "Installing npm modules in $1: $2"
    npm ci --no-audit --no-fund --loglevel=error >&2 \
        || die "npm ci failed in $PWD"
    touch node_modules/.package-lock.json
}

install_packages
[ "$what" != build ] && [ "$what" != deb ] || exit 0

check_node
[ "$what" = fuzz ] || [ "$what" = check-packages ] || install_modules src/sdk \
    'the Claude Agent SDK, proprietary software of Anthropic (about 400 MB)'
if [ "$what" = test ]; then
    install_modules t/clients 'the clients to test with'
    install_modules t/browser 'what drives the browser'
fi
if [ "$what" = check-clients ]; then
    install_modules t/tools 'Codex and opencode (about 800 MB)'
fi
