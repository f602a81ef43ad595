/** TCP of the kernel over the wire between two network namespaces. Needs root, koffi and ip(8); a skip says what is missing. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { millis } from "../../src/base/time.ts";
import { koffi } from "../../src/host/engine/testing/koffi.ts";
import { openTapWire, type TapWireOptions } from "../../src/host/tap/tap-wire.ts";

const ip = (...command: string[]): string => execFileSync("ip", command, { encoding: "utf8", stdio: "pipe" });

/** Undefined if the test can run here. */
function missing(): string | undefined {
  if (koffi === undefined) return "koffi";
  if (process.getuid?.() !== 0) return "root";
  if (!existsSync("/dev/net/tun")) return "/dev/net/tun";
  try {
    const name = `nagare-probe-${process.pid}`;
    ip("netns", "add", name);
    ip("netns", "delete", name);
  } catch {
    return "ip(8) with network namespaces";
  }
  return undefined;
}

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Two namespaces, at 10.99.0.1 and 10.99.0.2, with the wire between them. */
async function connect(options: TapWireOptions) {
  const names = ["a", "b"].map((side) => `ng${side}${process.pid % 100_000}`) as [string, string];
  for (const name of names) {
    ip("netns", "add", name);
    closers.push(() => ip("netns", "delete", name));
  }
  const wire = await openTapWire(...names, options);
  closers.push(() => wire.close());
  for (const [i, name] of names.entries()) {
    ip("link", "set", "dev", name, "netns", name);
    ip("-n", name, "address", "add", `10.99.0.${i + 1}/24`, "dev", name);
    ip("-n", name, "link", "set", "dev", name, "up");
  }
  const run = (namespace: string, program: string): ChildProcess => {
    const child = spawn("ip", ["netns", "exec", namespace, process.execPath, "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    closers.push(() => child.kill());
    return child;
  };
  return { wire, names, run };
}

const BYTES = 200_000;
const SERVER = `require("node:net").createServer((socket) => socket.end(Buffer.alloc(${BYTES}, 7))).listen(80, "10.99.0.2", () => console.log("ready"))`;
const CLIENT = `let n = 0; require("node:net").connect(80, "10.99.0.2").on("data", (d) => { n += d.length; }).on("end", () => console.log(n))`;

const reason = missing();

test.skipIf(reason !== undefined)(
  `a TCP download crosses a lossy wire${reason === undefined ? "" : ` (needs ${reason})`}`,
  async () => {
    const { wire, names, run } = await connect({
      up: { delay: millis(3) },
      down: { delay: millis(3), rate: 50e6, queue: 50, dropList: [20, [40, 42]] },
    });
    const server = run(names[1], SERVER);
    await once(server.stdout!, "data");
    const client = run(names[0], CLIENT);
    const [received] = (await once(client.stdout!, "data")) as [Buffer];
    expect(received.toString().trim()).toBe(String(BYTES));
    expect(wire.down.dropped["drop-list"]).toBe(4);
    expect(wire.down.forwarded).toBeGreaterThan(BYTES / 1500);
  },
);
