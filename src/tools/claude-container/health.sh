#!/bin/bash

# Whether the container can answer requests: what HEALTHCHECK asks.
#
#   health.sh [nginx|bridge]

set -eu

if [ "${1:-nginx}" = bridge ]; then
    exec node -e '
        const { get } = require("http");
        const { CLAUDE_BRIDGE_SOCKET } = process.env;
        const request = get({
            socketPath: CLAUDE_BRIDGE_SOCKET || "/run/claude/sdk.sock",
            path: "/health", timeout: 3000,
        }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1));
        request.on("timeout", () => request.destroy());
        request.on("error", () => process.exit(1));
    '
fi

exec 3<> /dev/tcp/127.0.0.1/8080
printf 'GET /v1/health HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
read -r -t 3 -u 3 _ status _
[ "$status" = 200 ]
