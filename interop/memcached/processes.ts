/** Servers of a run as child processes: memcached as a backend or as a proxy, and our proxy. */

import { connect, createServer, type Socket } from "node:net";
import { userInfo } from "node:os";
import { fileURLToPath } from "node:url";
import { Child } from "../child.ts";

const CLI = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
const HOST = "127.0.0.1";

/** The program that is compared with: the built memcached 1.6.38, since a distribution's may lack the proxy. */
export interface Programs {
  /** A memcached with its proxy. */
  readonly memcached: string;
}

/** Starts memcached as a backend and waits until it answers. */
export async function startBackend({ memcached }: Programs, port: number): Promise<Child> {
  const child = new Child([memcached, "-u", user(), "-U", "0", "-l", HOST, "-p", `${port}`, "-t", "1", "-m", "32"]);
  await isListening(child, port);
  return child;
}

/** Starts memcached as a proxy. */
export async function startTheirs({ memcached }: Programs, port: number, config: string, threads = 1): Promise<Child> {
  const options = `proxy_config=routelib,proxy_arg=${config}`;
  const command = [memcached, "-u", user(), "-U", "0", "-l", HOST, "-p", `${port}`, "-t", `${threads}`, "-o", options];
  const child = new Child(command);
  await isListening(child, port);
  return child;
}

/** Starts our proxy. */
export async function startOurs(port: number, config: string, more: readonly string[] = []): Promise<Child> {
  const options = `proxy_config=routelib,proxy_arg=${config}`;
  const child = new Child([process.execPath, CLI, "memcache", "-p", `${port}`, "-o", options, "--no-watch", ...more]);
  await isListening(child, port);
  return child;
}

const user = (): string => userInfo().username;

async function isListening(child: Child, port: number): Promise<void> {
  await child.until(async () => {
    const socket = connect(port, HOST);
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    return isOpen;
  });
}

/** Ports that are free now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** A connection that sends text and collects what comes back. */
export class Wire {
  readonly #socket: Socket;
  #received = "";
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(port: number) {
    this.#socket = connect(port, HOST);
    this.#socket.setEncoding("latin1");
    this.#socket.on("data", (text: string) => {
      this.#received += text;
      this.#wake?.();
    });
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.#isClosed = true;
      this.#wake?.();
    });
  }

  /** Sends, and returns what comes until `end` has come. */
  async ask(text: string, end: string): Promise<string> {
    this.#socket.write(text, "latin1");
    for (;;) {
      const at = this.#received.indexOf(end);
      if (at >= 0 || this.#isClosed) {
        const until = at < 0 ? this.#received.length : at + end.length;
        const answer = this.#received.slice(0, until);
        this.#received = this.#received.slice(until);
        return answer;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
