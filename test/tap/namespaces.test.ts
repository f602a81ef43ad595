/** TCP of the kernel over the wire between two network namespaces. Needs root, koffi and ip(8); a skip says what is missing. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { millis } from "../../src/base/time.ts";
import type { TapWireOptions } from "../../src/host/tap/tap-wire.ts";
import { missingForNamespaces, type Namespace, Namespaces } from "../../src/host/tap/testing/namespaces.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function connect(options: TapWireOptions) {
  const namespaces = await Namespaces.connect("10.99.0", options);
  closers.push(() => namespaces[Symbol.dispose]());
  const run = ({ exec: [ip, ...args] }: Namespace, program: string): ChildProcess => {
    const child = spawn(ip!, [...args, process.execPath, "-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    closers.push(() => child.kill());
    return child;
  };
  return { namespaces, run };
}

const BYTES = 200_000;
const SERVER = `require("node:net").createServer((socket) => socket.end(Buffer.alloc(${BYTES}, 7))).listen(80, "10.99.0.2", () => console.log("ready"))`;
const CLIENT = `let n = 0; require("node:net").connect(80, "10.99.0.2").on("data", (d) => { n += d.length; }).on("end", () => console.log(n))`;

const reason = await missingForNamespaces();

test.skipIf(reason !== undefined)(
  `a TCP download crosses a lossy wire${reason === undefined ? "" : ` (needs ${reason})`}`,
  async () => {
    const { namespaces, run } = await connect({
      up: { delay: millis(3) },
      down: { delay: millis(3), rate: 50e6, queue: 50, dropList: [20, [40, 42]] },
    });
    const server = run(namespaces.second, SERVER);
    await once(server.stdout!, "data");
    const client = run(namespaces.first, CLIENT);
    const [received] = (await once(client.stdout!, "data")) as [Buffer];
    expect(received.toString().trim()).toBe(String(BYTES));
    const { down } = namespaces.wire;
    expect(down.dropped["drop-list"]).toBe(4);
    expect(down.forwarded).toBeGreaterThan(BYTES / 1500);
  },
);
