#!/bin/sh

# Writes files as a C table for ngx_http_claude_admin_asset.h, to stdout.
# Run by nginx's configure and make, which have sh, od and awk.
#
#   claude-embed.sh FILE...

set -eu
LC_ALL=C
export LC_ALL

root=$(cd "$(dirname "$0")/../.." && pwd)

type() {
    case $1 in
    *.html) echo 'text/html; charset=utf-8' ;;
    *.css) echo 'text/css; charset=utf-8' ;;
    *.js) echo 'text/javascript; charset=utf-8' ;;
    *.svg) echo 'image/svg+xml' ;;
    *) echo "claude-embed.sh: what is $1?" >&2; exit 1 ;;
    esac
}

cat << END

/* Made by src/tools/claude-embed.sh out of src/admin/. */


#include "$root/src/http/ngx_http_claude_admin_asset.h"


END

n=0
for file; do
    n=$((n + 1))
    echo "static u_char  ngx_http_claude_admin_file_$n[] = {"
    od -An -v -tu1 "$file" | awk '{ gsub(/[0-9]+/, "&,"); print }'
    printf '    0\n};\n\n'
done

cat << END

const ngx_http_claude_admin_asset_t  ngx_http_claude_admin_assets[] = {
END

n=0
for file; do
    n=$((n + 1))
    type=$(type "$file")
    bytes=ngx_http_claude_admin_file_$n
    printf '    { ngx_string("%s"), "%s",\n' "${file##*/}" "$type"
    printf '      { sizeof(%s) - 1, %s } },\n' $bytes $bytes
done

cat << END
    { ngx_null_string, NULL, ngx_null_string }
};
END
