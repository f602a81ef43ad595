/** Our own TCP/IP against the kernel's, over a TAP device. Needs root, koffi and ip(8); a skip says what is missing. */

import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { SeededRng } from "../../src/base/rng.ts";
import { millis } from "../../src/base/time.ts";
import { createHost, type NetHost } from "../../src/host/netstack/host.ts";
import { serveHttp } from "../../src/host/netstack/http-server.ts";
import type { SocketError } from "../../src/host/netstack/socket-error.ts";
import { KERNEL, OURS, TapNamespace } from "../../src/host/netstack/tap-namespace.ts";
import { missingForNamespaces } from "../../src/host/tap/testing/namespaces.ts";
import { FaultInjector, formatMac } from "../../src/link/index.ts";
import type { TcpEndpointOptions } from "../../src/tcp/index.ts";

const reason = await missingForNamespaces();
const title = (text: string): string => (reason === undefined ? text : `${text} (needs ${reason})`);
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Setup {
  readonly offload?: boolean;
  readonly loss?: number;
  readonly tcp?: TcpEndpointOptions;
}

async function beside({
  offload = true,
  loss = 0,
  tcp = {},
}: Setup = {}): Promise<{ host: NetHost; namespace: TapNamespace }> {
  const namespace = await TapNamespace.open({ offload });
  closers.push(() => namespace[Symbol.dispose]());
  const bad = { loss, reordering: loss, duplication: loss, delay: millis(1) };
  const device =
    loss === 0 ? namespace.link : new FaultInjector(namespace.link, { outbound: bad, inbound: bad }, new SeededRng(4));
  const host = createHost({ device, addresses: [`${OURS.ipv4}/24`, `${OURS.ipv6}/64`], tcp });
  closers.push(() => host.close());
  return { host, namespace };
}

function start({ exec: [ip, ...args] }: TapNamespace, program: string): ChildProcess {
  const child = spawn(ip!, [...args, process.execPath, "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  closers.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill();
    await once(child, "exit");
  });
  return child;
}

/** What a program of the kernel's side prints first. */
const printed = async (child: ChildProcess): Promise<string> => {
  const [data] = (await once(child.stdout!, "data")) as [Buffer];
  return data.toString().trim();
};

const content = new Uint8Array(2_000_000);
new SeededRng(9).fill(content);
const digest = createHash("sha256").update(content).digest("hex");
const url = (address: string): string => `http://${address.includes(":") ? `[${address}]` : address}/`;

const download = (from: string): string =>
  `const h = require("node:crypto").createHash("sha256"); require("node:http").get("${url(from)}", (r) => r.pipe(h).on("finish", () => console.log(h.digest("hex"))))`;
const uploadProgram = (to: string): string =>
  `const bytes = Buffer.alloc(${content.length}, 7); const r = require("node:http").request("${url(to)}", { method: "PUT" }, (m) => m.pipe(process.stdout)); r.end(bytes)`;

describe.skipIf(reason !== undefined)("beside the kernel", () => {
  test(title("ARP, neighbour discovery and ping, both ways"), async () => {
    const { host, namespace } = await beside();
    for (const address of [KERNEL.ipv4, KERNEL.ipv6]) {
      expect(await host.ping(address, { bytes: 20_000, timeout: 10_000 })).toMatchObject({
        bytes: 20_000,
        hopLimit: 64,
      });
    }
    const mac = formatMac(host.stack.interfaces[0]!.mac);
    expect(namespace.ip("neighbour")).toContain(`${OURS.ipv4} dev ${namespace.name} lladdr ${mac}`);
  });

  test.each([
    ["with offload", {}],
    ["without offload", { offload: false }],
    ["with loss, reordering and duplication", { offload: false, loss: 0.02 }],
  ] as const)(
    title("HTTP downloads and uploads %s, the same bytes"),
    async (_, setup) => {
      const { host, namespace } = await beside(setup);
      serveHttp(host, 80, (request, response) => {
        if (request.method === "GET") {
          response.end(content);
          return;
        }
        let isRight = true;
        request.on("data", (part: Uint8Array) => {
          isRight &&= part.every((byte) => byte === 7);
        });
        request.on("end", () => response.end(`all sevens: ${isRight}`));
      });
      for (const address of [OURS.ipv4, OURS.ipv6]) {
        expect(await printed(start(namespace, download(address)))).toBe(digest);
        expect(await printed(start(namespace, uploadProgram(address)))).toBe("all sevens: true");
      }
    },
    60_000,
  );

  test(title("our client downloads from a server of the kernel's"), async () => {
    const { host, namespace } = await beside();
    const server = start(
      namespace,
      `require("node:net").createServer((s) => s.end(Buffer.alloc(${content.length}, 7))).listen(80, "${KERNEL.ipv4}", () => console.log("ready"))`,
    );
    await printed(server);
    const socket = host.net.connect({ host: KERNEL.ipv4, port: 80 });
    let received = 0;
    socket.on("data", (part: Buffer) => {
      received += part.length;
    });
    await once(socket, "end");
    expect(received).toBe(content.length);
  });

  test(title("resets: the kernel reports them as ever, and our client gets the reason"), async () => {
    const { host, namespace } = await beside({ tcp: { resetDiagnostics: "binary" } });
    host.net.createServer((socket) => socket.resetAndDestroy()).listen(82);
    const program = (port: number): string =>
      `require("node:net").connect(${port}, "${OURS.ipv4}").on("error", (error) => console.log(error.code)).resume()`;
    expect(await printed(start(namespace, program(81)))).toBe("ECONNREFUSED");
    expect(await printed(start(namespace, program(82)))).toBe("ECONNRESET");
    const [error] = (await once(host.net.connect({ host: OURS.ipv4, port: 81 }), "error")) as [SocketError];
    expect(error).toMatchObject({ code: "ECONNREFUSED", resetReason: { code: 9, enterprise: 0 } });
    expect(error.message).toBe("connect ECONNREFUSED 10.77.0.2:81: connection refused: not authorized (9)");
  });

  test(title("a device that vanishes"), async () => {
    const { host, namespace } = await beside();
    await host.ping(KERNEL.ipv4);
    namespace.ip("link", "delete", namespace.name);
    expect(await host.ping(KERNEL.ipv4, { timeout: 50 })).toBeUndefined();
    await expect.poll(() => host.stack.interfaces[0]!.gone).toMatch(/was deleted|read/);
  });
});
