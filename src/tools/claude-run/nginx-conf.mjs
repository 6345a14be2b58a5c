/**
 * nginx's configuration. Paths are relative to STATE_DIR, where nginx is
 * started: its workers need no way through the directories above.
 */

/**
 * @param {object} settings
 * @param {object} users
 * @param {object} runtime
 * @returns {string}
 */
export function nginxConf({ build, listen, httpPort, httpsPort }, users,
  runtime) {
  const addresses = listen.flatMap((host) => [
    `listen ${host}:${httpPort};`,
    `listen ${host}:${httpsPort} ssl http2;`,
  ]);
  return `# made by "make run", anew each time

load_module ${quote(`${build}/ngx_http_claude_module.so`)};
${users.worker === null ? '' : `user ${users.worker.name};`}
worker_processes 2;
daemon off;
pid nginx.pid;
error_log stderr warn;
error_log logs/error.log notice;

events {}

http {
    access_log logs/access.log;
    server_tokens off;
    client_max_body_size 32m;

    client_body_temp_path temp/body;
    proxy_temp_path temp/proxy;
    fastcgi_temp_path temp/fastcgi;
    scgi_temp_path temp/scgi;
    uwsgi_temp_path temp/uwsgi;

    claude_master_key master.key;
    claude_keystore zone=claude_keys:16m path=keys/keys.jsonl;

    upstream claude_sdk {
        server unix:${runtime.socket};
        keepalive 32;
    }

    server {
        ${addresses.join('\n        ')}
        server_name localhost;

        ssl_certificate tls/cert.pem;
        ssl_certificate_key tls/key.pem;

        location /v1/ {
            claude_pass claude_sdk;
        }

        location /admin/ {
            claude_admin upstream=claude_sdk;
            claude_admin_password_file admin.htpasswd;
        }
    }
}
`;
}

function quote(text) {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}
