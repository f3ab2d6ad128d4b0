/** nginx, HAProxy and Caddy of Debian: one worker, keep-alive to the upstream, unbuffered, no access log. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool, installTool, type Tool } from '../../support/debian-tool.ts';
import { freePort } from '../../support/free-port.ts';
import type { Contender, Running, Setting } from './contender.ts';
import { untilListening } from './until-listening.ts';

interface Server {
  readonly name: string;
  readonly label: string;
  readonly versionArgs: readonly string[];
  readonly config: (listen: number, upstream: URL, folder: string) => string;
  readonly command: (binary: string, config: string) => readonly string[];
  readonly file: string;
}

const nginx: Server = {
  name: 'nginx',
  label: 'nginx',
  versionArgs: ['-v'],
  file: 'nginx.conf',
  command: (binary, config) => [binary, '-c', config],
  config: (listen, upstream, folder) => `daemon off;
worker_processes 1;
error_log stderr crit;
pid ${folder}/nginx.pid;
events { worker_connections 20000; }
http {
  access_log off;
  client_body_temp_path ${folder};
  proxy_temp_path ${folder};
  fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder};
  scgi_temp_path ${folder};
  keepalive_requests 1000000;
  upstream provider { server ${upstream.host}; keepalive 256; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${listen} backlog=16384;
    location / {
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }
  }
}
`,
};

const haproxy: Server = {
  name: 'haproxy',
  label: 'HAProxy',
  versionArgs: ['-v'],
  file: 'haproxy.cfg',
  command: (binary, config) => [binary, '-q', '-db', '-f', config],
  config: (listen, upstream) => `global
  nbthread 1
  maxconn 8000
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 5m
  timeout server 5m
frontend front
  bind 127.0.0.1:${listen} backlog 16384
  maxconn 8000
  default_backend provider
backend provider
  option http-no-delay
  server one ${upstream.host}
`,
};

const caddy: Server = {
  name: 'caddy',
  label: 'Caddy',
  versionArgs: ['version'],
  file: 'Caddyfile',
  command: (binary, config) => [binary, 'run', '--config', config, '--adapter', 'caddyfile'],
  config: (listen, upstream) => `{
  admin off
  auto_https off
  log {
    level ERROR
  }
}
http://127.0.0.1:${listen} {
  reverse_proxy ${upstream.host} {
    flush_interval -1
    transport http {
      keepalive_idle_conns_per_host 256
    }
  }
}
`,
};

export const servers: readonly Contender[] = [nginx, haproxy, caddy].map((server) => {
  const tool: Tool = { name: server.name, debian: server.name, byHand: `Install ${server.name}` };
  const binary = () => findTool(tool) ?? installTool(tool, (line) => console.log(line));
  return {
    name: server.label,
    version: () => versionOf(binary(), server.versionArgs),
    start: (setting) => start(server, binary(), setting),
  };
});

async function start(server: Server, binary: string, { upstream, folder, spawn }: Setting): Promise<Running> {
  const port = await freePort();
  const config = join(folder, server.file);
  writeFileSync(config, server.config(port, new URL(upstream), folder));
  const { pid } = spawn(server.command(binary, config), { env: { HOME: folder, XDG_DATA_HOME: folder } });
  await untilListening(port);
  return { pid, target: { url: `http://127.0.0.1:${port}/v1/chat/completions`, headers: {} } };
}

function versionOf(binary: string, args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(binary, args, { encoding: 'utf8' });
  return /\d+\.\d+[\w.+~-]*/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown';
}
