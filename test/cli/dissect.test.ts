/** `nagare dissect`: a capture of our own hosts, line by line, filtered, and beside tshark. */

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fieldsOf } from "../../src/cli/dissect/fields.ts";
import { type Filter, parseFilter } from "../../src/cli/dissect/filter.ts";
import { findProgram } from "../../src/cli/find-program.ts";
import { capture, createCable, createHost } from "../../src/host/netstack/index.ts";
import { readPcapng } from "../../src/link/pcapng.ts";
import { run } from "./run.ts";

const folder = mkdtempSync(join(tmpdir(), "nagare-dissect-"));
const path = join(folder, "own.pcapng");
const tshark = await findProgram(["tshark"], process.env);

beforeAll(async () => {
  const [left, right] = createCable();
  const tcp = { resetDiagnostics: "binary" } as const;
  using server = createHost({ device: capture(left, path), addresses: ["10.77.0.1/24", "fd77::1/64"], tcp });
  using client = createHost({ device: right, addresses: ["10.77.0.2/24", "fd77::2/64"] });
  await client.ping("10.77.0.1");
  await client.ping("fd77::1", { bytes: 3_000 });
  server.net.createServer((socket) => void socket.end("hello")).listen(80);
  for (const address of ["10.77.0.1", "fd77::1"]) {
    const socket = client.net.connect(80, address).resume();
    await once(socket, "end");
    await once(client.net.connect(81, address), "error");
  }
  const datagrams = client.dgram.createSocket("udp4");
  // The beginning of a long header of QUIC.
  const initial = Buffer.concat([
    Buffer.from("c000000001", "hex"),
    Buffer.from([4, 1, 2, 3, 4, 2, 8, 9, 0, 0x44, 0x4c]),
    Buffer.alloc(1_100),
  ]);
  const sent = Promise.all(
    ["x", initial].map((bytes) => new Promise((resolve) => datagrams.send(bytes, 443, "10.77.0.1", resolve))),
  );
  await sent;
  await client.ping("10.77.0.1");
});
afterAll(() => rmSync(folder, { recursive: true }));

const json = async (...more: readonly string[]): Promise<Record<string, string | number>[]> => {
  const { stdout, exitCode } = await run(["dissect", path, "--json", ...more]);
  expect(exitCode).toBe(0);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, string | number>);
};

describe("nagare dissect", () => {
  test("prints a line for each packet", async () => {
    const { stdout } = await run(["dissect", path]);
    for (const part of [
      "ARP who has 10.77.0.1? tell 10.77.0.2",
      "ICMP 10.77.0.2 > 10.77.0.1 echo request, 64 bytes",
      /TCP 10\.77\.0\.2:\d+ > 10\.77\.0\.1:80 \[S\]/,
      /\[R\.\] .*: not authorized \(9\)/,
      /UDP 10\.77\.0\.2:\d+ > 10\.77\.0\.1:443/,
    ]) {
      expect(stdout).toMatch(part);
    }
  });

  test("filters", async () => {
    const syns = await json("--filter", "tcp.flags.syn == 1 && tcp.flags.ack == 0 && tcp.port == 80");
    expect(syns.map((each) => each["ip.dst"] ?? each["ipv6.dst"])).toEqual(["10.77.0.1", "fd77::1"]);
    const resets = await json("-f", "tcp.reset_reason");
    expect(resets.map((each) => each["tcp.reset_reason"])).toEqual(["not authorized (9)", "not authorized (9)"]);
    expect(await json("-f", "quic")).toMatchObject([
      { "quic.version": "0x00000001", "quic.dcid": "01020304", "quic.scid": "0809" },
    ]);
  });

  test.skipIf(tshark === undefined)(
    "agrees with tshark, field by field, and on which packets a filter takes",
    async () => {
      const own = readPcapng(readFileSync(path)).packets.map(({ bytes, linkType }) => fieldsOf(bytes, linkType));
      const ask = (...args: readonly string[]): string[] =>
        execFileSync(tshark!, ["-n", "-r", path, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
          .split("\n")
          .filter((line) => line !== "");
      // Ours alone; and fragments, which tshark reads as one packet at the last of them.
      const names = [...new Set(own.flatMap((fields) => Object.keys(fields)))].filter(
        (name) => !/^(?:tcp\.reset_reason|malformed|mcphint|ipv6\.fraghdr|icmpv6|tcp\.options\.sack)/.test(name),
      );
      expect(names.length).toBeGreaterThan(35);
      const rows = ask(
        "-T",
        "fields",
        "-E",
        "separator=|",
        "-E",
        "occurrence=f",
        ...names.flatMap((name) => ["-e", name]),
      );
      const value = (name: string, text: string): string => {
        if (name.startsWith("tcp.flags.") && text !== "") return String(Number(text === "True" || text === "1"));
        return name.startsWith("quic.") ? text.replaceAll(":", "") : text;
      };
      for (const [i, row] of rows.entries()) {
        const theirs = Object.fromEntries(
          row.split("|").map((text, column) => [names[column]!, value(names[column]!, text)]),
        );
        for (const name of names) {
          const ours = own[i]![name];
          if (ours !== undefined) expect(`${name}=${theirs[name]}`, `packet ${i + 1}`).toBe(`${name}=${ours}`);
        }
      }
      expect(rows).toHaveLength(own.length);
      for (const filter of ["ip.addr == 10.77.0.2 && !tcp || arp", "(tcp.len > 0 or udp) and tcp.srcport != 80"]) {
        const takes: Filter = parseFilter(filter);
        const ours = own.flatMap((fields, i) => (takes(fields) && fields["icmp.type"] !== 3 ? [String(i + 1)] : []));
        // Wireshark counts the packets that an ICMP error quotes.
        expect(ours, filter).toEqual(ask("-Y", `(${filter}) && !icmp.type == 3`, "-T", "fields", "-e", "frame.number"));
      }
    },
  );

  test("bad input", async () => {
    const other = join(folder, "other");
    writeFileSync(other, "not a capture");
    expect(await run(["dissect", other])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("is not a pcapng file"),
    });
    expect(await run(["dissect", join(folder, "none")])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("does not exist"),
    });
    writeFileSync(other, readFileSync(path).subarray(0, -30));
    expect(await run(["dissect", other])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("ends within a block"),
    });
    for (const filter of ["tcp ==", "(tcp", "tcp &&", "== 3", "a b", "§"]) {
      expect(await run(["dissect", path, "--filter", filter]), filter).toMatchObject({ exitCode: 2 });
    }
    // Every prefix of every packet has fields, or says what is malformed.
    for (const { bytes, linkType } of readPcapng(readFileSync(path)).packets.slice(0, 40)) {
      for (let length = 0; length < Math.min(bytes.length, 80); length += 1) {
        expect(fieldsOf(bytes.subarray(0, length), linkType)["frame.len"]).toBe(length);
      }
    }
  });
});
