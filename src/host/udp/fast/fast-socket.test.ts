/** What only the fast engine can do, and how it handles errors of system calls. */

import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Ecn, type SocketAddress } from "../../../base/datagrams.ts";
import { ForeignMemory } from "../../../base/foreign.ts";
import { type Interceptor, intercepted } from "../../../base/testing/intercepted.ts";
import { koffi } from "../../engine/testing/koffi.ts";
import type { Fault } from "../../guard.ts";
import { loopback, record, send, texts, turns, until, write } from "../testing/sockets.ts";
import { createFastUdp, type FastUdpEngine } from "./engine.ts";
import type { FastSocket } from "./fast-socket.ts";
import * as sys from "./libc.ts";
import { EAGAIN, ECONNREFUSED, EINTR, EINVAL, EIO, EMSGSIZE, ENOBUFS } from "./system-error.ts";

const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));
const EPERM = 1;
const ENOMEM = 12;
const EHOSTUNREACH = 113;

const opened: FastSocket[] = [];
afterEach(async () => {
  for (const socket of opened.splice(0)) await socket.close();
});

/** An engine whose system calls are intercepted once it is probed. */
function engineWith(calls: Record<string, Interceptor>): FastUdpEngine {
  let isProbed = false;
  const later = Object.entries(calls).map(([name, call]): [string, Interceptor] => [
    name,
    (...values) => (isProbed ? call(...values) : undefined),
  ]);
  const engine = createFastUdp(intercepted(koffi!, Object.fromEntries(later)));
  isProbed = true;
  return engine;
}

async function bind(engine: FastUdpEngine, host = "127.0.0.1", dualStack = false): Promise<FastSocket> {
  const socket = await engine.bind(0, host, undefined, { dualStack });
  opened.push(socket);
  return socket;
}

async function connect(engine: FastUdpEngine, peer: SocketAddress): Promise<FastSocket> {
  const socket = (await engine.connect(peer, 64 * 1024)) as FastSocket;
  opened.push(socket);
  return socket;
}

/** Fails the calls whose numbers are listed, counted from 1. */
function failing(errno: number, ...numbers: number[]): { interceptor: Interceptor; calls: () => number } {
  let calls = 0;
  const interceptor = () => {
    calls += 1;
    return numbers.includes(calls) ? errno : undefined;
  };
  return { interceptor, calls: () => calls };
}

const datagrams = (count: number, size = 1200): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => new Uint8Array(size).fill(i + 1));

describe.skipIf(koffi === undefined)("the fast engine", () => {
  const MARKS = [Ecn.notEct, Ecn.ect1, Ecn.ect0, Ecn.ce];

  test("finds everything that Linux has", () => {
    const all = { ecn: true, df: true, gso: true, gro: true, pktinfo: true };
    expect(createFastUdp(koffi!).capabilities).toEqual(all);
  });

  test.each([["127.0.0.1"], ...(hasIPv6 ? [["::1"]] : [])])("ECN marks are sent and seen over %s", async (host) => {
    const engine = engineWith({});
    const [a, b] = [await bind(engine, host), await bind(engine, host)];
    const arrived = record(b);
    for (const ecn of MARKS) {
      send(a, b.address, ["train", "train"], { ecn });
      send(a, b.address, ["alone"], { ecn });
    }
    await until(() => arrived.length === 12);
    expect(arrived.map(({ ecn }) => ecn)).toEqual(MARKS.flatMap((ecn) => [ecn, ecn, ecn]));
  });

  test("a train leaves in one call and arrives in one", async () => {
    const [sent, read] = [failing(0), failing(0)];
    const engine = engineWith({ sendmsg: sent.interceptor, recvmsg: read.interceptor });
    const [a, b] = [await bind(engine), await bind(engine)];
    const arrived = record(b);
    send(a, b.address, datagrams(45));
    await until(() => arrived.length === 45);
    expect(sent.calls()).toBe(1);
    expect(read.calls()).toBe(2); // the second finds nothing
  });

  test("a train that is too long for one call is split", async () => {
    const sent = failing(0);
    const engine = engineWith({ sendmsg: sent.interceptor });
    const [a, b] = [await bind(engine), await bind(engine)];
    const arrived = record(b);
    expect(send(a, b.address, [...datagrams(100, 20), new Uint8Array(3)])).toBe(101);
    expect(send(a, b.address, datagrams(7, 9_000))).toBe(7);
    await until(() => arrived.length === 108);
    expect(sent.calls()).toBe(3);
    expect(arrived.slice(100, 103).map(({ bytes }) => bytes.length)).toEqual([3, 9_000, 9_000]);
  });

  test.skipIf(!hasIPv6)("a dual-stack socket treats mapped addresses as IPv4", async () => {
    const engine = engineWith({});
    const server = await bind(engine, "::", true);
    const arrived = record(server);
    for (const host of ["127.0.0.2", "::1", "127.0.0.1"]) {
      arrived.length = 0;
      const client = await connect(engine, loopback(server.address.port, host));
      const answers = record(client);
      send(client, server.address, ["?"], { ecn: Ecn.ce });
      await until(() => arrived.length === 1);
      const { local, remote, ecn } = arrived[0]!;
      expect([local, remote, ecn]).toEqual([loopback(server.address.port, host), client.address, Ecn.ce]);
      send(server, remote, ["!", "!"], { local, ecn: Ecn.ect0 });
      await until(() => answers.length === 2);
      expect(answers.map((each) => [each.remote, each.ecn])).toEqual([
        [local, Ecn.ect0],
        [local, Ecn.ect0],
      ]);
    }
    // Both families at once.
    expect(server.handleCommand({ type: "set-dont-fragment", enabled: true })).toBe(true);
  });

  test.skipIf(!hasIPv6)("without dual stack, both families can have the same port", async () => {
    const engine = engineWith({});
    for (let attempts = 1; ; attempts += 1) {
      const { address } = await bind(engine, "::");
      try {
        opened.push(await engine.bind(address.port, "0.0.0.0"));
        break;
      } catch (error) {
        // Another program may have this port.
        if (attempts === 20) throw error;
      }
    }
  });

  test("an address that is no longer ours loses the answer, not the socket", async () => {
    const engine = engineWith({});
    const [a, b] = [await bind(engine, "0.0.0.0"), await bind(engine)];
    const arrived = record(b);
    const gone = { local: loopback(a.address.port, "192.0.2.1") };
    send(a, b.address, ["lost", "lost"], gone);
    send(a, b.address, ["kept", "kept"]);
    await until(() => arrived.length === 2);
    expect(texts(arrived)).toEqual(["kept", "kept"]);
  });

  describe("DF", () => {
    const option = (descriptor: number, level: number, name: number): number => {
      const value = new ForeignMemory(koffi!, 8);
      value.view.setUint32(4, 4, true);
      sys.bindLibc(koffi!).getsockopt(descriptor, level, name, value.address, value.address + 4);
      return value.view.getInt32(0, true);
    };

    test.each([["127.0.0.1"], ...(hasIPv6 ? [["::1"]] : [])])("can be set over %s, and unset", async (host) => {
      let descriptor = -1;
      const engine = engineWith({ bind: (bound) => void (descriptor = bound!) });
      const socket = await bind(engine, host);
      const read = (): number[] => [
        option(descriptor, sys.IPPROTO_IP, sys.IP_MTU_DISCOVER),
        ...(host === "::1" ? [option(descriptor, sys.IPPROTO_IPV6, sys.IPV6_MTU_DISCOVER)] : []),
      ];
      expect(socket.handleCommand({ type: "set-dont-fragment", enabled: true })).toBe(true);
      expect(new Set(read())).toEqual(new Set([sys.PMTUDISC_PROBE]));
      expect(socket.handleCommand({ type: "set-dont-fragment", enabled: false })).toBe(true);
      expect(new Set(read())).toEqual(new Set([sys.PMTUDISC_WANT]));
    });
  });

  describe("sending", () => {
    test.each([
      ["EAGAIN", EAGAIN],
      ["ENOBUFS", ENOBUFS],
    ])("%s loses nothing: the rest of the train waits until the kernel has room", async (_name, errno) => {
      const { interceptor } = failing(errno, 2, 3, 4);
      const engine = engineWith({ sendmsg: interceptor });
      const [a, b] = [await bind(engine), await bind(engine)];
      const arrived = record(b);
      let isWritable = false;
      a.onWritable = () => {
        isWritable = true;
        expect(a.isBlocked).toBe(false);
        send(a, b.address, ["next"]);
      };
      // Two calls, the second of which fails.
      expect(send(a, b.address, datagrams(100, 50))).toBe(100);
      expect(a.isBlocked).toBe(true);
      // The arena may be written again, but nothing can be sent.
      expect(send(a, b.address, ["refused"])).toBe(0);
      await until(() => arrived.length === 101);
      expect(isWritable).toBe(true);
      expect(arrived.slice(0, 100).map(({ bytes }) => bytes)).toEqual(datagrams(100, 50));
      expect(texts(arrived.slice(100))).toEqual(["next"]);
    });

    test("what waits is tried once more when the socket closes", async () => {
      const { interceptor } = failing(EAGAIN, 1);
      const engine = engineWith({ sendmsg: interceptor });
      const [a, b] = [await bind(engine), await bind(engine)];
      const arrived = record(b);
      send(a, b.address, ["goodbye"]);
      await a.close();
      await until(() => arrived.length === 1);
    });

    test.each([
      ["EIO", EIO],
      ["EINVAL", EINVAL],
      ["EMSGSIZE", EMSGSIZE],
    ])("after %s for a train, its destination gets single datagrams, others trains", async (_name, errno) => {
      const refused = { port: 0 };
      let calls = 0;
      const engine = engineWith({
        sendmsg: () => {
          calls += 1;
          return refused.port !== 0 && calls === 1 ? errno : undefined;
        },
      });
      const [a, b, c] = [await bind(engine), await bind(engine), await bind(engine)];
      const [atB, atC] = [record(b), record(c)];
      refused.port = b.address.port;
      expect(send(a, b.address, datagrams(5))).toBe(5);
      expect(calls).toBe(1 + 5);
      expect(send(a, b.address, datagrams(5))).toBe(5);
      expect(calls).toBe(1 + 5 + 5);
      expect(send(a, c.address, datagrams(5))).toBe(5);
      expect(calls).toBe(1 + 5 + 5 + 1);
      await until(() => atB.length === 10 && atC.length === 5);
      expect(atB.slice(5).map(({ bytes }) => bytes)).toEqual(datagrams(5));
    });

    test("a datagram that is too large is reported, and does not count against trains", async () => {
      const sent = failing(0);
      const engine = engineWith({ sendmsg: sent.interceptor });
      const [a, b] = [await bind(engine), await bind(engine)];
      const arrived = record(b);
      // IP carries 65,507 bytes in a datagram.
      expect(send(a, b.address, [new Uint8Array(65_510)])).toBe(0);
      expect(send(a, b.address, datagrams(3))).toBe(3);
      expect(sent.calls()).toBe(2);
      await until(() => arrived.length === 3);
    });

    test("memory behind the arena is never sent", async () => {
      const engine = engineWith({});
      const [a, b] = [await bind(engine), await bind(engine)];
      const train = { local: undefined, remote: b.address, ecn: Ecn.notEct };
      expect(() => a.send({ ...train, count: 2, segmentSize: 40_000, length: 80_000 })).toThrow(RangeError);
      expect(() => a.send({ ...train, count: 3, segmentSize: 100, length: 150 })).toThrow(RangeError);
      expect(() => a.send({ ...train, count: 1, segmentSize: 100, length: 150 })).toThrow(RangeError);
      expect(send(a, b.address, ["x"])).toBe(1);
    });

    test("a firewall's refusal is a loss, an interruption is tried again", async () => {
      let errno: number | undefined = EPERM;
      const engine = engineWith({
        sendmsg: () => {
          const injected = errno;
          errno = undefined;
          return injected;
        },
      });
      const [a, b] = [await bind(engine), await bind(engine)];
      const arrived = record(b);
      expect(send(a, b.address, ["lost"])).toBe(1);
      errno = EINTR;
      expect(send(a, b.address, ["kept"])).toBe(1);
      await until(() => arrived.length === 1);
      expect(texts(arrived)).toEqual(["kept"]);
    });

    test.each([
      ["ECONNREFUSED", ECONNREFUSED],
      ["EMSGSIZE", EMSGSIZE],
      ["EHOSTUNREACH", EHOSTUNREACH],
    ])("%s of an earlier datagram does not cost a connected socket the next one", async (_name, errno) => {
      const { interceptor } = failing(errno, 1);
      const engine = engineWith({ sendmsg: interceptor });
      const peer = await bind(engine);
      const client = await connect(engine, peer.address);
      const arrived = record(peer);
      send(client, peer.address, datagrams(3));
      await until(() => arrived.length === 3);
    });
  });

  test("a connected socket reports a lost path once per send, after it", async () => {
    let errno: number | undefined;
    const engine = engineWith({ sendmsg: () => errno });
    const peer = await bind(engine);
    const client = await connect(engine, peer.address);
    const arrived = record(peer);
    let reports = 0;
    client.onUnreachable = () => {
      reports += 1;
    };
    errno = EHOSTUNREACH;
    send(client, peer.address, datagrams(3));
    expect(reports).toBe(0);
    await turns();
    expect(reports).toBe(1);
    errno = undefined;
    send(client, peer.address, ["back"]);
    await until(() => arrived.length === 1);
    expect(reports).toBe(1);
  });

  describe("receiving", () => {
    test("a turn makes a limited number of calls, so that timers stay on time", async () => {
      let calls = 0;
      let callsBeforeTimer = 0;
      const engine = engineWith({ recvmsg: () => void (calls += 1) });
      const [a, b] = [await bind(engine), await bind(engine)];
      const arrived = record(b);
      const first = new Promise<void>((resolve) => {
        const { onBatch } = b;
        b.onBatch = (batch) => {
          onBatch?.(batch);
          b.onBatch = onBatch;
          // After this turn, but before the next one.
          process.nextTick(() => {
            callsBeforeTimer = calls;
            resolve();
          });
        };
      });
      for (let i = 0; i < 100; i += 1) send(a, b.address, [""]);
      await first;
      expect(callsBeforeTimer).toBe(16);
      await until(() => arrived.length === 100);
    });

    test("a datagram with source port 0 is dropped, because it cannot be answered (RFC 768)", async () => {
      let message = 0;
      const engine = engineWith({ recvmsg: (_descriptor, address) => void (message = address!) });
      const [a, b] = [await bind(engine), await bind(engine)];
      const arrived = record(b);
      const read = vi.spyOn(DataView.prototype, "getUint16");
      read.mockImplementation(() => 0);
      send(a, b.address, ["x"]);
      await until(() => message !== 0);
      await turns();
      read.mockRestore();
      send(a, b.address, ["y"]);
      await until(() => arrived.length === 1);
      expect(texts(arrived)).toEqual(["y"]);
    });

    test("an unexpected error is reported, and the socket continues", async () => {
      const { interceptor } = failing(ENOMEM, 1);
      const engine = engineWith({ recvmsg: interceptor });
      const [a, b] = [await bind(engine), await bind(engine)];
      const faults: Fault[] = [];
      b.onFault = (fault) => faults.push(fault);
      const arrived = record(b);
      send(a, b.address, ["x"]);
      await until(() => arrived.length === 1);
      expect(faults).toMatchObject([{ entry: "udp read", error: { code: "ENOMEM", syscall: "recvmsg" } }]);
    });
  });

  test("the event loop stops watching before the descriptor is closed", async () => {
    const order: string[] = [];
    const engine = createFastUdp({
      ...intercepted(koffi!, { close: () => void order.push("close") }),
      node: {
        poll: (...given) => {
          const handle = koffi!.node.poll(...given);
          return {
            start: (...options) => handle.start(...options),
            ref: () => handle.ref(),
            unref: () => handle.unref(),
            close: () => {
              order.push("stop watching");
              handle.close();
            },
          };
        },
      },
    });
    order.length = 0;
    const socket = await engine.bind(0, "127.0.0.1");
    await socket.close();
    expect(order).toEqual(["stop watching", "close"]);
  });

  describe("without some of the kernel's features", () => {
    const ENOPROTOOPT = 92;
    /** Lets a socket option fail. */
    const without = (level: number, name: number): Interceptor => {
      return (_descriptor, givenLevel, givenName) =>
        level === givenLevel && name === givenName ? ENOPROTOOPT : undefined;
    };

    test("GRO: trains arrive one by one", async () => {
      const engine = createFastUdp(intercepted(koffi!, { setsockopt: without(sys.SOL_UDP, sys.UDP_GRO) }));
      expect(engine.capabilities).toMatchObject({ gro: false, gso: true, ecn: true });
      const [a, b] = [await bind(engine), await bind(engine)];
      const arrived = record(b);
      send(a, b.address, datagrams(5));
      await until(() => arrived.length === 5);
      expect(arrived.map(({ bytes }) => bytes)).toEqual(datagrams(5));
    });

    test("GSO: trains leave one by one", async () => {
      let calls = 0;
      const engine = createFastUdp(
        intercepted(koffi!, {
          sendmsg: () => {
            calls += 1;
            return calls === 1 ? EIO : undefined; // the probe's train
          },
        }),
      );
      expect(engine.capabilities).toMatchObject({ gro: true, gso: false, ecn: true });
      const [a, b] = [await bind(engine), await bind(engine)];
      const arrived = record(b);
      calls = 10;
      send(a, b.address, datagrams(5));
      expect(calls).toBe(15);
      await until(() => arrived.length === 5);
    });

    test("ECN: nothing is marked", async () => {
      const engine = createFastUdp(intercepted(koffi!, { setsockopt: without(sys.IPPROTO_IP, sys.IP_RECVTOS) }));
      expect(engine.capabilities).toMatchObject({ gro: true, gso: true, ecn: false });
      const marking = engineWith({});
      const [a, b] = [await bind(engine), await bind(marking)];
      const arrived = record(b);
      a.send(write(a, b.address, ["x"], { ecn: Ecn.ect0 }));
      await until(() => arrived.length === 1);
      expect(arrived[0]!.ecn).toBe(Ecn.notEct);
    });

    test("pktinfo: the engine cannot be used", () => {
      const ffi = intercepted(koffi!, { setsockopt: without(sys.IPPROTO_IP, sys.IP_PKTINFO) });
      expect(() => createFastUdp(ffi)).toThrow("the kernel does not report the address that was asked");
    });

    test.each([
      ["socket", "socket EPERM"],
      ["bind", "bind EPERM 0.0.0.0:0"],
      ["sendmsg", "sendmsg EPERM"],
      ["recvmsg", "recvmsg EPERM"],
    ])("%s, as a seccomp filter forbids it: the engine cannot be used", (call, message) => {
      expect(() => createFastUdp(intercepted(koffi!, { [call]: () => EPERM }))).toThrow(message);
    });
  });
});
