# Images of the module, the bridge, or both: docs/container.md.
#
#   nginx    nginx with the module, and claude-keys
#   bridge   the bridge
#   sdk      fetches the SDK into a volume
#   (last)   nginx and the bridge in one container
#
# None holds the Claude Agent SDK, which is proprietary, or a secret.

FROM debian:12-slim AS build

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends \
        gcc libc6-dev make nginx-dev libsodium-dev libyajl-dev \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY config config.make Makefile ngx_http_claude_module.c ./
COPY src/admin src/admin
COPY src/core src/core
COPY src/http src/http
COPY src/state src/state
COPY src/tools/*.sh src/tools/*.[ch] src/tools/
RUN make -s -j"$(nproc)" all \
    && strip build/ngx_http_claude_module.so build/claude-keys


# the same users everywhere, since containers share volumes
FROM debian:12-slim AS base

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends ca-certificates tini \
    && rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/ldconfig/aux-cache \
    && for user in claude-init:10001 claude-bridge:10002 claude-sdk:10003; do \
        groupadd --gid ${user#*:} ${user%:*} \
        && useradd --uid ${user#*:} --gid ${user#*:} --no-create-home \
            --home-dir /nonexistent --shell /usr/sbin/nologin ${user%:*} \
        || exit 1; \
    done \
    && install -d -m 0755 /opt/claude \
    && chmod 1777 /run \
    && install -d -m 0755 -o claude-sdk -g claude-sdk /opt/claude/sdk \
    && install -d -m 2750 -o claude-bridge -g www-data /run/claude

COPY --chmod=0755 src/tools/claude-container/start.sh \
    src/tools/claude-container/health.sh /usr/libexec/claude/

ENTRYPOINT ["/usr/bin/tini", "--", "/usr/libexec/claude/start.sh"]


FROM base AS sdk

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends npm \
    && rm -rf /var/lib/apt/lists/* /var/log/*

WORKDIR /opt/claude/bridge
COPY --chmod=0755 src/tools/claude-container/sdk.sh /usr/libexec/claude/
COPY --chmod=0644 src/sdk/package.json src/sdk/package-lock.json ./

USER claude-sdk
VOLUME /opt/claude/sdk
ENTRYPOINT ["/usr/bin/tini", "--", "/usr/libexec/claude/sdk.sh"]


FROM base AS bridge

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends nodejs \
    && rm -rf /var/lib/apt/lists/* /var/log/*

WORKDIR /opt/claude/bridge
COPY --chmod=0644 src/sdk/*.mjs src/sdk/package.json \
    src/sdk/package-lock.json ./
RUN ln -s ../sdk/node_modules node_modules

ENV CLAUDE_BRIDGE_DIR=/tmp/bridge
USER claude-bridge
VOLUME /opt/claude/sdk /run/claude
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["/usr/libexec/claude/health.sh", "bridge"]
CMD ["bridge"]


FROM base AS nginx

RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends nginx libsodium23 libyajl2 openssl \
    && rm -rf /var/lib/apt/lists/* /var/log/* /var/lib/nginx /etc/nginx/tls \
    && install -d -m 0755 /var/log/nginx \
    && ln -s /dev/stdout /var/log/nginx/access.log \
    && ln -s /dev/stderr /var/log/nginx/error.log \
    && ln -s /tmp/nginx /var/lib/nginx \
    && install -d -m 0755 /etc/nginx/tls \
    && install -d -m 0700 -o www-data -g www-data \
        /etc/nginx/claude /var/lib/nginx-claude

COPY --from=build /src/build/ngx_http_claude_module.so /usr/lib/nginx/modules/
COPY --from=build /src/build/claude-keys /usr/bin/
COPY --chmod=0644 conf-examples/container/nginx.conf /etc/nginx/nginx.conf
COPY --chmod=0644 conf-examples/container/https.conf \
    conf-examples/container/admin.conf /etc/nginx/container/

# a module for another nginx fails here, and not at the first start
RUN printf 'load_module modules/%s;\nevents {\n}\npid /tmp/pid;\n' \
        ngx_http_claude_module.so > /tmp/check.conf \
    && nginx -e stderr -t -c /tmp/check.conf \
    && rm -f /tmp/check.conf /tmp/pid

USER www-data
VOLUME /var/lib/nginx-claude /etc/nginx/claude
EXPOSE 8080 8443
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["/usr/libexec/claude/health.sh", "nginx"]
CMD ["nginx"]


# both: a user of its own starts them as theirs, by a copy of setpriv that
# nobody else may run, with two capabilities
FROM nginx AS both

USER root
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends nodejs libcap2-bin \
    && install -m 0750 -g claude-init /usr/bin/setpriv /usr/libexec/claude/ \
    && setcap cap_setuid,cap_setgid+ep /usr/libexec/claude/setpriv \
    && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log \
    && rmdir /run/claude

COPY --from=bridge /opt/claude/bridge /opt/claude/bridge

ENV CLAUDE_BRIDGE_DIR=/tmp/bridge
USER claude-init
VOLUME /opt/claude/sdk
CMD ["both"]
