import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { seconds } from "../../base/time.ts";
import { RECORD_TYPES } from "../../dns/index.ts";
import { ManualClock } from "../relay/testing/manual-clock.ts";
import { SystemResolver, systemServers } from "./system.ts";
import { nameServer } from "./testing/name-server.ts";

const A = RECORD_TYPES.A.number;
const AAAA = RECORD_TYPES.AAAA.number;
const HTTPS = RECORD_TYPES.HTTPS.number;

let folder: string;
let files: { readonly resolvConf: string; readonly hosts: string };
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nagare-dns-"));
  files = { resolvConf: join(folder, "resolv.conf"), hosts: join(folder, "hosts") };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Both serve at one port, so that only the address in the file decides. */
async function twoServers() {
  for (;;) {
    const first = await nameServer(["a.test. 300 A 192.0.2.1"]);
    try {
      const options = { host: "127.0.0.2", port: first.udp.port };
      return { first, second: await nameServer(["a.test. 300 A 192.0.2.2"], options) };
    } catch {
      await first[Symbol.asyncDispose]();
    }
  }
}

test("resolv.conf and hosts are obeyed as they are now, without a new resolver", async () => {
  const { first, second } = await twoServers();
  await using _first = first;
  await using _second = second;
  const clock = new ManualClock();
  writeFileSync(files.resolvConf, "nameserver 127.0.0.1\n");
  const resolver = new SystemResolver({ files, port: first.udp.port, clock });
  const addressOf = async (): Promise<unknown> => {
    const answer = await resolver.resolve("a.test.", A);
    return answer.kind === "records" ? answer.records.map(({ data }) => data) : answer;
  };
  expect(await addressOf()).toEqual([{ type: "A", address: "192.0.2.1" }]);

  // Another network: the old answer, which has minutes to live, does not count any more.
  writeFileSync(files.resolvConf, "# another network\nnameserver 127.0.0.2\n");
  clock.advance(seconds(1));
  expect(await addressOf()).toEqual([{ type: "A", address: "192.0.2.2" }]);

  writeFileSync(files.hosts, "192.0.2.3 A.test b.test\n2001:db8::3 a.test\n");
  clock.advance(seconds(1));
  expect(await addressOf()).toEqual([{ type: "A", address: "192.0.2.3" }]);
  expect(await resolver.resolve("a.test.", AAAA)).toMatchObject({ records: [{ data: { address: "2001:db8::3" } }] });
  // What the name servers say of such a name would lead elsewhere.
  const none = { kind: "none", why: "no-data" };
  expect(await resolver.resolve("a.test.", HTTPS)).toMatchObject(none);
  expect(await resolver.resolve("b.test.", AAAA)).toMatchObject(none);

  rmSync(files.hosts);
  clock.advance(seconds(1));
  expect(await addressOf()).toEqual([{ type: "A", address: "192.0.2.2" }]);
  expect([first.queries.length, second.queries.length]).toEqual([1, 2]);
});

test("the files are looked at once a second, however many questions there are", async () => {
  await using server = await nameServer(["a.test. 0 A 192.0.2.1"]);
  const clock = new ManualClock();
  writeFileSync(files.resolvConf, "nameserver 127.0.0.1\n");
  const resolver = new SystemResolver({ files, port: server.udp.port, clock });
  await resolver.resolve("a.test.", A);
  writeFileSync(files.hosts, "192.0.2.3 a.test\n");
  expect(await resolver.resolve("a.test.", A)).toMatchObject({ from: "network" });
  clock.advance(seconds(1));
  expect(await resolver.resolve("a.test.", A)).toMatchObject({ records: [{ data: { address: "192.0.2.3" } }] });
});

test("without a server in the file, that of this machine is asked", async () => {
  writeFileSync(files.resolvConf, "search example\nnameserver nonsense\n");
  expect(await systemServers(files.resolvConf)).toEqual(["127.0.0.1"]);
});
