import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, test } from "vitest";
import { ownUdpSockets, parseUdpTable } from "./udp-sockets.ts";

test("the kernel's table is read by column", () => {
  const table = [
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            ",
    "  122: 0100007F:01BB 00000000:0000 07 00000000:000003E8 00:00000000 00000000     0        0 188730 2 00000000a8883cf2 17       ",
    "",
  ].join("\n");
  expect(parseUdpTable(table)).toEqual([{ port: 443, queued: 1000, dropped: 17, inode: "188730" }]);
});

test.runIf(process.platform === "linux")("this process's sockets are found, and no others", async () => {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  expect(ownUdpSockets(new Set([port]))).toEqual([{ port, queued: 0, dropped: 0 }]);
  expect(ownUdpSockets(new Set([1]))).toEqual([]);
  socket.close();
});
