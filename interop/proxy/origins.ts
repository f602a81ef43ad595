/** The origins behind the proxy: nginx, Caddy and a Node app, each a process that can be killed and started again. */

import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort } from "../../src/host/udp/free-port.ts";
import { Child } from "../child.ts";
import { debianProgram, versionOf } from "../install/debian.ts";
import { newCaddyProgram } from "../peers/caddy.ts";

export type Protocol = "http/1.1" | "h2" | "h3";

export interface Origin {
  readonly name: string;
  readonly version: string;
  /** As the proxy takes it. */
  readonly url: string;
  readonly isAlive: boolean;
  start(): Promise<void>;
  kill(): Promise<void>;
}

/** Answers with the method; `/events`, `/bytes` and uploads are for the other checks. WebSockets echo. */
const APP = `
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
const chunk = Buffer.alloc(65536, 1);
const server = createServer((request, response) => {
  const [path, size] = request.url.split("?");
  if (path === "/events") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const timer = setInterval(() => response.write("data: " + Date.now() + "\\n\\n"), 25);
    response.on("close", () => clearInterval(timer));
  } else if (path === "/bytes") {
    let left = Number(size);
    response.writeHead(200, { "content-length": left });
    const send = () => {
      while (left > 0) {
        const part = left >= chunk.length ? chunk : chunk.subarray(0, left);
        left -= part.length;
        if (!response.write(part)) return void response.once("drain", send);
      }
      response.end();
    };
    send();
  } else {
    let received = 0;
    request.on("data", (part) => { received += part.length; });
    request.on("end", () => response.end(request.method + " " + received));
  }
});
const sockets = new WebSocketServer({ server });
sockets.on("connection", (socket) => socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })));
server.keepAliveTimeout = 60000;
server.listen(Number(process.env.APP_PORT), "127.0.0.1");
`;

export const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });

class Program implements Origin {
  readonly name: string;
  readonly version: string;
  readonly url: string;
  readonly #port: number;
  readonly #command: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #child: Child | undefined;

  constructor(
    name: string,
    version: string,
    [scheme, port]: readonly [string, number],
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ) {
    this.name = name;
    this.version = version;
    this.url = `${scheme}://127.0.0.1:${port}`;
    this.#port = port;
    this.#command = command;
    this.#env = env;
  }

  get isAlive(): boolean {
    return this.#child !== undefined;
  }

  async start(): Promise<void> {
    const child = new Child(this.#command, { env: this.#env });
    await child.until(() => isListening(this.#port));
    this.#child = child;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    process.kill(child.pid, "SIGKILL");
    while (child.isRunning) await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

export async function createApp(directory: string): Promise<Origin> {
  const port = await freePort();
  // Beside node_modules, where it finds ws.
  const file = join(directory, "app.mjs");
  await writeFile(file, APP);
  return new Program("node", process.version, ["http", port], [process.execPath, file], { APP_PORT: String(port) });
}

export async function createNginx(directory: string, log: (line: string) => void): Promise<Origin> {
  const path = await debianProgram("nginx", "nginx-light", log);
  const port = await freePort();
  const prefix = join(directory, "nginx");
  await mkdir(prefix, { recursive: true });
  const file = join(prefix, "nginx.conf");
  await writeFile(
    file,
    `daemon off; master_process off; pid ${prefix}/pid; error_log stderr crit;
events {}
http {
  access_log off; client_body_temp_path ${prefix}/body; client_max_body_size 0;
  proxy_temp_path ${prefix}/proxy; fastcgi_temp_path ${prefix}/fcgi; uwsgi_temp_path ${prefix}/uwsgi; scgi_temp_path ${prefix}/scgi;
  server { listen 127.0.0.1:${port}; location / { return 200 "$request_method nginx"; } }
}
`,
  );
  const version = await versionOf([path, "-v"]);
  return new Program("nginx", version, ["http", port], [path, "-p", prefix, "-c", file, "-e", "stderr"]);
}

/** HTTP/2 without TLS. */
export async function createCaddy(directory: string, log: (line: string) => void): Promise<Origin> {
  const { path, version } = await newCaddyProgram(log);
  const port = await freePort();
  const file = join(directory, "Caddyfile");
  await writeFile(
    file,
    `{
	admin off
	servers {
		protocols h1 h2c
	}
}
http://127.0.0.1:${port} {
	bind 127.0.0.1
	respond "{method} caddy"
}
`,
  );
  const env = { XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory, HOME: directory };
  const command = [path, "run", "--config", file, "--adapter", "caddyfile"];
  return new Program("caddy", version, ["h2c", port], command, env);
}
