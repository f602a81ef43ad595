// Our own ARP, TCP and reset diagnostics against the Linux kernel, over a TAP device in a namespace of its own.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { SeededRng } from "../../base/rng.ts";
import { createHost, type NetHost } from "../../host/netstack/host.ts";
import { serveHttp } from "../../host/netstack/http-server.ts";
import type { SocketError } from "../../host/netstack/socket-error.ts";
import { KERNEL, missingForTap, OURS, TapNamespace } from "../../host/netstack/tap-namespace.ts";
import { formatMac } from "../../link/index.ts";
import type { TcpEndpointOptions } from "../../tcp/index.ts";
import { bytes, duration } from "../get/units.ts";
import { peerPath, runPeer } from "./peer.ts";
import { NoPeer, type Row, type RowContext } from "./row.ts";

const SIZE = 50_000_000;
const COMMAND = "nagare tap . ; ip netns exec nagare-tap";

async function withHost(
  context: RowContext,
  tcp: TcpEndpointOptions,
  run: (host: NetHost, namespace: TapNamespace) => Promise<string>,
): Promise<string> {
  const missing = missingForTap();
  if (missing !== undefined) throw new NoPeer(missing);
  await peerPath(context, "ip");
  let namespace: TapNamespace;
  try {
    namespace = await TapNamespace.open();
  } catch (error) {
    throw new NoPeer(error instanceof Error ? error.message.split("\n")[0]! : String(error));
  }
  using opened = namespace;
  using host = createHost({ device: opened.link, addresses: [`${OURS.ipv4}/24`, `${OURS.ipv6}/64`], tcp });
  return await run(host, opened);
}

/** Runs a program in the namespace. Returns what it printed. */
async function inside(context: RowContext, { exec }: TapNamespace, ...command: readonly string[]): Promise<string> {
  const [ip, ...args] = exec;
  return (await runPeer(context, await peerPath(context, ip!), [...args, ...command])).stdout;
}

/** A program for Node in the namespace: what a connection to our host ends with. */
const connectionProgram = (port: number): string =>
  `require("node:net").connect(${port}, "${OURS.ipv4}").on("error", (error) => console.log(error.code)).resume()`;

export const NETSTACK_ROWS: readonly Row[] = [
  {
    system: "arp",
    peer: "kernel",
    against: "the Linux kernel",
    command: `${COMMAND} ping ${OURS.ipv4}`,
    run: (context) =>
      withHost(context, {}, async (host, namespace) => {
        const replies = [await host.ping(KERNEL.ipv4), await host.ping(KERNEL.ipv6)];
        if (replies.includes(undefined)) throw new Error("the kernel did not answer our ping");
        const { mac } = host.stack.interfaces[0]!;
        const neighbours = namespace.ip("neighbour", "show", "dev", namespace.name);
        if (!neighbours.includes(`${OURS.ipv4} lladdr ${formatMac(mac)}`)) {
          throw new Error(`the kernel did not learn our address: ${neighbours}`);
        }
        return `the kernel answers ping over IPv4 and IPv6, and has us as ${formatMac(mac)}`;
      }),
  },
  {
    system: "tcp",
    peer: "curl",
    against: "curl on the Linux kernel",
    command: `${COMMAND} curl http://${OURS.ipv4}/`,
    run: (context) =>
      withHost(context, {}, async (host, namespace) => {
        const curl = await peerPath(context, "curl");
        const content = new Uint8Array(SIZE);
        new SeededRng(1).fill(content);
        const digest = createHash("sha256").update(content).digest("hex");
        const uploaded = createHash("sha256");
        serveHttp(host, 80, (request, response) => {
          request.on("data", (part: Uint8Array) => void uploaded.update(part));
          request.on("end", () => response.end(content));
        });
        const url = `http://${OURS.ipv4}/`;
        const start = performance.now();
        await inside(context, namespace, curl, "-sS", "-o", "file", url);
        const time = performance.now() - start;
        const echo = await inside(context, namespace, curl, "-sS", "-o", "copy", "-T", "file", "-H", "Expect:", url);
        const saved = (await inside(context, namespace, "sha256sum", "file")).split(" ")[0];
        if (saved !== digest || uploaded.digest("hex") !== digest) throw new Error(`the bytes differ ${echo}`);
        return `${bytes(SIZE)} each way, the same bytes; down in ${duration(time)}`;
      }),
  },
  {
    system: "rst-diagnostics",
    peer: "kernel",
    against: "the Linux kernel",
    command: `${COMMAND} curl http://${OURS.ipv4}:81/`,
    run: (context) =>
      withHost(context, { resetDiagnostics: "binary" }, async (host, namespace) => {
        host.net.createServer((socket) => socket.resetAndDestroy()).listen(82);
        const node = process.execPath;
        const refused = await inside(context, namespace, node, "-e", connectionProgram(81));
        const reset = await inside(context, namespace, node, "-e", connectionProgram(82));
        if (refused.trim() !== "ECONNREFUSED" || reset.trim() !== "ECONNRESET") {
          throw new Error(`the kernel reported ${refused.trim()} and ${reset.trim()}`);
        }
        const socket = host.net.connect({ host: OURS.ipv4, port: 81 });
        const [error] = (await once(socket, "error")) as [SocketError];
        if (error.resetReason === undefined) throw new Error("our own client did not get the reason");
        return `the kernel has ECONNREFUSED and ECONNRESET; our client: ${error.message}`;
      }),
  },
];
