/** Pools that follow DNS: which servers a name stands for, when it is looked up again, and what counts without an answer. */

import { afterEach, describe, expect, test, vi } from "vitest";
import { isSameName, type Message, parseRecord, RCODES } from "../../dns/index.ts";
import { type MemcacheConfig, withServers } from "../../memcache/index.ts";
import { type HostClock, systemClock } from "../clock.ts";
import { type NameServer, nameServer } from "../dns/testing/name-server.ts";
import { PoolNames } from "./pool-names.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A second of names' lives takes 20 ms. */
const fast: HostClock = {
  ...systemClock,
  date: () => systemClock.date() * 50,
  startTimer: (callback, milliseconds) => systemClock.startTimer(callback, milliseconds / 50),
};

const poolOf = (...backends: string[]): MemcacheConfig => ({ pools: { a: { backends } }, routes: { default: "a" } });

/** A name server whose records may be exchanged; `down` makes it answer SERVFAIL. */
async function zone(...lines: string[]): Promise<{ records: string[]; isDown: boolean; readonly server: NameServer }> {
  const state = { records: lines, isDown: false };
  const change = (response: Message, query: Message): Message => {
    if (state.isDown) return { ...response, rcode: RCODES.SERVFAIL, answers: [] };
    const answers = state.records
      .map((line) => parseRecord(line))
      .filter(({ name, type }) => isSameName(name, query.questions[0]!.name) && type === query.questions[0]!.type);
    return { ...response, rcode: RCODES.NOERROR, answers };
  };
  const server = await nameServer([], { change });
  closers.push(() => server[Symbol.asyncDispose]());
  return Object.assign(state, { server });
}

function follower({ server }: { readonly server: NameServer }) {
  const log: string[] = [];
  const onChange = vi.fn();
  const names = new PoolNames({
    servers: [server.udp],
    clock: fast,
    log: (line) => log.push(line),
    onChange,
    onFault: ({ error }) => {
      throw error;
    },
  });
  closers.push(() => names.close());
  const backends = (config: MemcacheConfig): unknown => withServers(config, names.servers).pools.a;
  return { names, log, onChange, backends };
}

test("a name stands for all its addresses, in an order that does not depend on the answer's", async () => {
  const { names, backends } = follower(
    await zone("c.test. 300 A 127.0.0.9", "c.test. 300 A 127.0.0.2", "c.test. 300 AAAA ::1"),
  );
  const config = poolOf("10.0.0.1:11211", "dns:c.test:11212 _down_");
  await names.follow(config);
  const server = { port: "11212", down: true, tlsName: "c.test" };
  expect(backends(config)).toEqual({
    backends: [
      "10.0.0.1:11211",
      { ...server, host: "127.0.0.2" },
      { ...server, host: "127.0.0.9" },
      { ...server, host: "::1" },
    ],
  });
});

test("SRV records: the targets of the lowest priority, with their ports", async () => {
  const { names, backends } = follower(
    await zone(
      "_m._tcp.c.test. 300 SRV 20 1 1 late.test.",
      "_m._tcp.c.test. 300 SRV 10 1 11213 b.test.",
      "_m._tcp.c.test. 300 SRV 10 9 11212 a.test.",
    ),
  );
  const config = poolOf("srv:_m._tcp.c.test");
  await names.follow(config);
  expect(backends(config)).toEqual({
    backends: [
      { host: "a.test", port: 11212, down: false },
      { host: "b.test", port: 11213, down: false },
    ],
  });
});

test("a set of pools, and settings of a backend, follow too", async () => {
  const { names } = follower(await zone("c.test. 300 A 127.0.0.2"));
  const backend = { host: "dns:c.test", port: 11212, tls: true, connections: 2 };
  const config: MemcacheConfig = {
    pools: { set_all: { west: { backends: [backend] } } },
    routes: { default: "set_all_west" },
  };
  await names.follow(config);
  expect(withServers(config, names.servers).pools.set_all).toEqual({
    west: { backends: [{ ...backend, host: "127.0.0.2", tlsName: "c.test" }] },
  });
});

describe("a name is looked up again", () => {
  test("when its time to live has passed", async () => {
    const records = await zone("c.test. 1 A 127.0.0.2");
    const { names, onChange, log, backends } = follower(records);
    const config = poolOf("dns:c.test:1");
    await names.follow(config);
    records.records = ["c.test. 60 A 127.0.0.3"];
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledOnce(), { timeout: 20_000 });
    expect(backends(config)).toMatchObject({ backends: [{ host: "127.0.0.3" }] });
    expect(log).toEqual(["nagare: dns:c.test is now 127.0.0.3"]);
  });

  test("when a server that it led to fails, and not when another one does", async () => {
    const records = await zone("c.test. 3600 A 127.0.0.2");
    const { names, onChange } = follower(records);
    await names.follow(poolOf("dns:c.test:1"));
    const { length } = records.server.queries;
    records.records = ["c.test. 3600 A 127.0.0.3"];
    names.serverFailed("127.0.0.9");
    names.serverFailed("127.0.0.2");
    names.serverFailed("127.0.0.2");
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledOnce(), { timeout: 20_000 });
    expect(records.server.queries.length).toBe(length + 2);
  });
});

test("without an answer, what is known stays in use", async () => {
  const records = await zone("c.test. 0 A 127.0.0.2");
  const { names, log, backends, onChange } = follower(records);
  const config = poolOf("dns:c.test:1");
  await names.follow(config);
  records.isDown = true;
  await vi.waitFor(() => expect(log).toHaveLength(1), { timeout: 20_000 });
  expect(log[0]).toMatch(/^nagare: dns:c.test: .+; its known servers stay in use$/);
  records.isDown = false;
  records.records = [];
  const { length } = records.server.queries;
  await vi.waitFor(() => expect(records.server.queries.length).toBeGreaterThan(length + 1), { timeout: 20_000 });
  expect(backends(config)).toMatchObject({ backends: [{ host: "127.0.0.2" }] });
  expect(onChange).not.toHaveBeenCalled();
});

test("a pool whose name is unknown has no servers, until there is an answer", async () => {
  const records = await zone();
  const { names, log, backends, onChange } = follower(records);
  const config = poolOf("dns:c.test:1");
  await names.follow(config);
  expect(backends(config)).toEqual({ backends: [] });
  expect(log).toEqual(["nagare: dns:c.test: there is no such name, or it has no address; it has no servers yet"]);
  records.records = ["c.test. 60 A 127.0.0.2"];
  await vi.waitFor(() => expect(onChange).toHaveBeenCalledOnce(), { timeout: 20_000 });
  expect(backends(config)).toMatchObject({ backends: [{ host: "127.0.0.2" }] });
});

test("names that another configuration does not have are forgotten; those that it shares are not asked for again", async () => {
  const records = await zone("c.test. 300 A 127.0.0.2", "d.test. 300 A 127.0.0.3");
  const { names } = follower(records);
  await names.follow(poolOf("dns:c.test:1", "dns:d.test:1"));
  const next = poolOf("dns:C.test:2");
  const { length } = records.server.queries;
  await names.follow(next);
  names.forgetOthers(next);
  expect([...names.servers.keys()]).toEqual(["dns:c.test"]);
  expect(records.server.queries.length).toBe(length);
});

test.each([`dns:${"x".repeat(64)}:1`, "srv:a..b", "dns::1"])("%s is refused", async (backend) => {
  const { names } = follower(await zone());
  await expect(names.follow(poolOf(backend))).rejects.toMatchObject({ code: "MEMCACHE_CONFIG" });
  expect(names.servers.size).toBe(0);
});
