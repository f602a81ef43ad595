import { expect, test } from "vitest";
import { activatedSockets, type SocketFacts } from "./activation.ts";

const LINE =
  "  0: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 INODE 1 0 100 0 0 10 0";
const TABLES: Readonly<Record<string, string>> = {
  "/proc/net/tcp6": LINE.replace("INODE", "100"),
  "/proc/net/udp": LINE.replace("INODE", "200"),
  "/proc/net/udp6": LINE.replace("INODE", "300"),
};
const LINKS: Readonly<Record<number, string>> = {
  3: "socket:[100]",
  4: "socket:[200]",
  5: "socket:[300]",
  6: "/dev/null",
};
const facts: SocketFacts = { link: (descriptor) => LINKS[descriptor], table: (path) => TABLES[path] ?? "" };

test("sockets have the names and kinds that systemd gave them, and children do not get them again", () => {
  const env = { LISTEN_PID: "7", LISTEN_FDS: "4", LISTEN_FDNAMES: "https:h3:h3:other", PATH: "/bin" };
  expect(activatedSockets(env, 7, facts)).toEqual([
    { descriptor: 3, name: "https", transport: "tcp", family: 6 },
    { descriptor: 4, name: "h3", transport: "udp", family: 4 },
    { descriptor: 5, name: "h3", transport: "udp", family: 6 },
  ]);
  expect(env).toEqual({ PATH: "/bin" });
});

test.each([
  ["of another process", { LISTEN_PID: "8", LISTEN_FDS: "1" }],
  ["without a number", { LISTEN_PID: "7", LISTEN_FDS: "x" }],
  ["none", {}],
])("variables %s are not for this process", (_name, env) => {
  expect(activatedSockets(env, 7, facts)).toEqual([]);
});
