#!/bin/sh

# Fetches the Claude Agent SDK, proprietary software of Anthropic, into the
# volume at /opt/claude/sdk: the versions that the lock file pins, checked
# against its hashes by npm.  The lock file comes last, so that where it is,
# all is.

set -eu
umask 022

to=/opt/claude/sdk
new=$to/.new

if cmp -s package-lock.json $to/package-lock.json; then
    echo 'The Claude Agent SDK is there already.'
    exit 0
fi

echo 'Fetching the Claude Agent SDK (about 400 MB), proprietary software' \
    "of Anthropic.  Anthropic's terms hold for it."
rm -rf $new
mkdir $new
trap 'rm -rf $new' EXIT
trap 'exit 1' INT TERM HUP

cp package.json package-lock.json $new/
cd $new
npm ci --omit=dev --ignore-scripts --legacy-peer-deps --no-bin-links \
    --no-audit --no-fund --no-update-notifier --loglevel=error \
    --cache $new/cache
rm -rf node_modules/@anthropic-ai/claude-agent-sdk-*-musl

rm -rf $to/package-lock.json $to/node_modules
mv node_modules $to/
mv package-lock.json $to/
echo 'The Claude Agent SDK is there.'
