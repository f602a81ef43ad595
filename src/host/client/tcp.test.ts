import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, test } from "vitest";
import { connectTcp } from "./tcp.ts";

/** Keeps the process busy once Node has begun to connect, for longer than it waits for an address. */
function stallSoon(milliseconds: number, ticks = 20): void {
  process.nextTick(() => {
    if (ticks > 0) stallSoon(milliseconds, ticks - 1);
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
  });
}

test("an address that Node gave up while the process was busy is tried again", async () => {
  const server = createServer((socket) => socket.end()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const connection = await new Promise<Awaited<ReturnType<typeof connectTcp>>>((resolve, reject) => {
    // In this phase of the event loop, expired timers come before the news that the connection is there.
    setImmediate(() => {
      connectTcp({
        secure: false,
        protocols: ["http/1.1"],
        servername: "localhost",
        port,
        addresses: [
          { address: "127.0.0.1", family: 4 },
          { address: "::1", family: 6 },
        ],
        lookupStart: 0,
        lookupEnd: 0,
        ca: undefined,
        rejectUnauthorized: true,
        keylog: undefined,
        signal: new AbortController().signal,
        onChange: () => {},
      }).then(resolve, reject);
      stallSoon(400);
    });
  });
  expect(connection.socket.remoteAddress).toBe("127.0.0.1");
  connection.socket.destroy();
  server.close();
});
