import { expect, test } from "vitest";
import { udpPorts } from "./port.ts";

test("ports are read from the kernel's table of UDP sockets", () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  417: 0100007F:115D 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4242 2 0000000000000000 0
 1003: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4243 2 0000000000000000 0
`;
  expect(udpPorts(table)).toEqual([4445, 53]);
});

test("a table without sockets has no ports", () => {
  expect(udpPorts("  sl  local_address rem_address\n")).toEqual([]);
});
