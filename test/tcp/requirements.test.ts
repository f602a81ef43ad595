/** The requirements of RFC 9293 that the scripts beside do not show, each by its label in Appendix B. */

import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../src/base/time.ts";
import { Icmp4 } from "../../src/ip/index.ts";
import { readAll, sink } from "../../src/netstack/testing/tcp-apps.ts";
import { type Sent, WirePeer } from "../../src/netstack/testing/wire-peer.ts";
import { ip, World } from "../../src/netstack/testing/world.ts";
import type { TcpConnectionOptions } from "../../src/tcp/index.ts";
import { headerChecksum } from "./ip-header.ts";

const ETHERNET = 14;
const PEER = "10.77.0.1";

const brief = (segments: readonly Sent[]): string[] =>
  segments.map(({ flags, seq, ack, length }) => `${flags} ${seq}+${length} ack ${ack}`);

interface Setup {
  readonly options?: Parameters<WirePeer["open"]>[0];
  readonly window?: number;
  readonly connection?: Partial<TcpConnectionOptions>;
  /** The application reads only when asked to. */
  readonly isSlow?: boolean;
}

function established({ options, window, connection, isSlow = false }: Setup = {}) {
  const peer = new WirePeer();
  peer.apps.serve(
    80,
    (app, event) => {
      if (!isSlow && (event === "readable" || event === "ended")) readAll(app);
    },
    connection,
  );
  const answer = peer.open(options, window);
  const app = peer.apps.all[0]!;
  const flush = (): Sent[] => {
    peer.stack.tcp.touch(app.connection);
    return peer.take();
  };
  const write = (bytes: number): Sent[] => {
    app.connection.write(new Uint8Array(bytes).fill(7));
    return flush();
  };
  return { peer, app, answer, write, flush };
}

function connecting(connection: Partial<TcpConnectionOptions> = {}) {
  const peer = new WirePeer();
  const app = peer.apps.connect(ip(PEER), peer.port, sink, peer.now, connection, 80);
  const [syn] = peer.take();
  peer.iss = (peer.iss + syn!.seq) >>> 0;
  return { peer, app, syn: syn! };
}

/** Lets time pass. Returns what was sent, with seconds. */
function watch(peer: WirePeer, span: number): { readonly at: number; readonly segment: Sent }[] {
  const seen: { at: number; segment: Sent }[] = [];
  const start = peer.now;
  while (peer.now - start < span) {
    peer.run(millis(100));
    for (const segment of peer.sent.splice(0)) seen.push({ at: (peer.now - start) / 1e6, segment });
  }
  return seen;
}

describe("header and options", () => {
  test("MUST-1: a window of 65,535 is not negative", () => {
    const { write } = established({ window: 65_535 });
    expect(brief(write(1_460))).toEqual(["P. 1+1460 ack 1"]);
  });

  test("MUST-2, MUST-3: a bit that flips anywhere in a segment makes the stack ignore it", () => {
    const { peer, app } = established();
    for (let at = 0; at < 25; at += 1) {
      const mangle = (frame: Uint8Array): Uint8Array => {
        frame[ETHERNET + 20 + at]! ^= 0x10;
        return frame;
      };
      expect(peer.send({ flags: "P.", seq: 1, ack: 1, data: "hello", mangle })).toEqual([]);
    }
    // One flip made the header shorter than a header is.
    expect([app.received, peer.stack.tcp.dropped]).toEqual([0, { checksum: 24, "data-offset": 1 }]);
    // What the stack sends has a checksum that this peer verifies.
    expect(brief(peer.send({ flags: "P.", seq: 1, ack: 1, data: "hello" }))).toEqual([". 1+0 ack 6"]);
    expect(app.received).toBe(5);
  });

  test("MUST-16, MUST-65, MUST-67: an MSS only in the SYN, 40 less than the MTU; options count against the peer's", () => {
    const options = { mss: 9_000, timestamp: { value: 1, echo: 0 } };
    const { answer, write } = established({ options });
    expect(answer.options.mss).toBe(1_460);
    const [first] = write(5_000);
    expect([first!.length, first!.options.mss]).toEqual([1_448, undefined]);
    const tiny = established({ options: { mss: 300 } });
    expect(tiny.write(1_000)[0]!.length).toBe(300);
  });

  test("MUST-48, MUST-49: the application sets the Diffserv field and the hop limit", () => {
    const { write } = established({ connection: { trafficClass: 0x28, hopLimit: 9 } });
    expect(write(1)[0]).toMatchObject({ trafficClass: 0x28, hopLimit: 9 });
  });

  test("MUST-50: an IP option that nobody knows is ignored", () => {
    const { peer, app } = established();
    const mangle = (frame: Uint8Array): Uint8Array => {
      const longer = new Uint8Array(frame.length + 4);
      longer.set(frame.subarray(0, ETHERNET + 20));
      longer.set([0x5e, 4, 1, 2], ETHERNET + 20);
      longer.set(frame.subarray(ETHERNET + 20), ETHERNET + 24);
      return headerChecksum(longer, ETHERNET, 24);
    };
    peer.send({ flags: "P.", seq: 1, ack: 1, data: "hello", mangle });
    expect(app.received).toBe(5);
  });
});

describe("opening", () => {
  test("MUST-11: a reset in SYN-RECEIVED ends a passive open quietly, and refuses an active one", () => {
    const peer = new WirePeer();
    const listener = peer.apps.serve(80, sink);
    peer.iss = (peer.iss + peer.send({ flags: "S" })[0]!.seq) >>> 0;
    peer.send({ flags: "R", seq: 1 });
    expect([peer.stack.tcp.size, listener.halfOpen, peer.apps.all.length]).toEqual([0, 0, 0]);
    expect(peer.send({ flags: "S", seq: 900 })[0]!.flags).toBe("S.");
    const active = connecting();
    active.peer.send({ flags: "S", options: { mss: 1_460 } });
    active.peer.send({ flags: "R", seq: 1 });
    expect(active.app.connection.closeReason).toEqual({ code: "ECONNREFUSED" });
  });

  test("MUST-22: how long a SYN is repeated can be set", () => {
    const { peer, app } = connecting({ connectTimeout: seconds(10) });
    watch(peer, seconds(12));
    expect(app.connection.closeReason).toEqual({ code: "ETIMEDOUT" });
  });

  test("MUST-41, MUST-42: many connections on one local port, which do not disturb each other", () => {
    const { peer, app } = established();
    const other = new WirePeer();
    expect(other.stack.tcp.size).toBe(0);
    peer.apps.serve(81, sink);
    const [iss, irs] = [peer.iss, peer.irs];
    (peer as { port: number }).port = 6_000;
    peer.iss = 0;
    peer.open();
    expect(peer.stack.tcp.size).toBe(2);
    (peer as { port: number }).port = 5_000;
    [peer.iss, peer.irs] = [iss, irs];
    peer.send({ flags: "P.", seq: 1, ack: 1, data: "first" });
    expect([app.received, peer.apps.all[1]!.received]).toEqual([5, 0]);
  });

  test("MUST-43, MUST-44, MUST-45: the local address is the application's, else IP's, and stays", () => {
    const world = new World([{ addresses: ["10.77.0.1/24", "10.77.1.1/24"] }, { addresses: ["10.77.0.2/16"] }]);
    world.stacks[1]!.tcp.listen({ version: 4, port: 80 });
    const { tcp } = world.stacks[0]!;
    const local = (address?: Uint8Array): unknown => {
      const opened = tcp.connect(ip("10.77.0.2"), 80, world.now, { address });
      return typeof opened === "string" ? opened : opened.local.join(".");
    };
    expect([local(), local(ip("10.77.1.1")), local(ip("10.77.9.9"))]).toEqual([
      "10.77.0.1",
      "10.77.1.1",
      "EADDRNOTAVAIL",
    ]);
    world.run(seconds(5));
    const now = [...tcp.connections()].map((connection) => `${connection.local.join(".")} ${connection.state}`);
    expect(now).toEqual(["10.77.0.1 ESTABLISHED", "10.77.1.1 ESTABLISHED"]);
  });

  test("MUST-46: no connection to a group", () => {
    const { tcp } = new WirePeer().stack;
    for (const group of ["224.0.0.1", "ff02::1"]) expect(tcp.connect(ip(group), 80, 0 as never)).toBe("EINVAL");
  });

  test("MUST-57: a SYN to a broadcast or a group is ignored", () => {
    const peer = new WirePeer();
    peer.apps.serve(80, sink);
    for (const to of ["10.77.0.255", "224.0.0.1", "255.255.255.255"]) expect(peer.send({ flags: "S", to })).toEqual([]);
    expect([peer.stack.tcp.size, peer.stack.tcp.dropped.broadcast]).toEqual([0, 3]);
  });

  test("MUST-63: a SYN from a broadcast, a group or the host itself is ignored", () => {
    const peer = new WirePeer();
    peer.apps.serve(80, sink);
    for (const from of ["10.77.0.255", "224.0.0.1", "10.77.0.2", "0.0.0.0", "127.0.0.1"]) {
      expect(peer.send({ flags: "S", from })).toEqual([]);
    }
    expect(peer.stack.tcp.size).toBe(0);
  });
});

describe("errors", () => {
  test("MUST-12: a reset and a close are different things to the application", () => {
    const closed = established();
    closed.peer.send({ flags: "F.", seq: 1, ack: 1 });
    expect([closed.app.events.includes("ended"), closed.app.connection.closeReason]).toEqual([true, undefined]);
    const reset = established();
    reset.peer.send({ flags: "R.", seq: 1, ack: 1 });
    expect([reset.app.events.includes("ended"), reset.app.connection.closeReason]).toEqual([
      false,
      { code: "ECONNRESET" },
    ]);
  });

  test.each([
    ["network unreachable", Icmp4.unreachable, 0],
    ["host unreachable", Icmp4.unreachable, 1],
    ["source route failed", Icmp4.unreachable, 5],
    ["time exceeded", Icmp4.timeExceeded, 0],
    ["parameter problem", Icmp4.parameterProblem, 0],
  ])("MUST-47, MUST-54, MUST-56: %s is told and ends nothing", (_, type, code) => {
    const { peer, app, write } = established();
    const [sent] = write(10);
    peer.report(type, code, sent!);
    expect([app.events.includes("soft-error"), app.connection.state]).toEqual([true, "ESTABLISHED"]);
    expect(app.connection.softError).toBeDefined();
  });

  test("MUST-54: a closed port or protocol, as ICMP reports it, ends the connection", () => {
    for (const code of [2, 3]) {
      const { peer, app, write } = established();
      peer.report(Icmp4.unreachable, code, write(10)[0]!);
      expect(app.connection.closeReason).toEqual({ code: "ECONNREFUSED" });
    }
  });

  test("MUST-55: Source Quench does nothing", () => {
    const { peer, app, write } = established();
    const before = write(10);
    const { window } = app.connection.sender;
    peer.report(Icmp4.sourceQuench, 0, before[0]!);
    expect([app.events.includes("soft-error"), app.connection.sender.window]).toEqual([false, window]);
    expect(peer.stack.ip.dropped.icmp).toBe(1);
  });

  test("MUST-20, MUST-21: at R1 the application is told, at R2, which it may set, the connection ends", () => {
    const { peer, app, write } = established({ connection: { userTimeout: seconds(30) } });
    write(10);
    const seen = watch(peer, seconds(40));
    expect(app.events.includes("slow")).toBe(true);
    expect(app.connection.closeReason).toEqual({ code: "ETIMEDOUT" });
    // The peer may be back, and learns it.
    expect(seen.at(-1)!.segment.flags).toBe("R.");
    const patient = established();
    patient.write(10);
    watch(patient.peer, seconds(100));
    expect(patient.app.connection.state).toBe("ESTABLISHED");
  });
});

describe("sending", () => {
  test("MUST-18: a segment that was sent twice is no sample of the round-trip time", () => {
    const { peer, app, write } = established();
    peer.run(millis(10));
    write(10);
    watch(peer, millis(900));
    const before = app.connection.sender.rtt.smoothed;
    peer.send({ flags: ".", seq: 1, ack: 11 });
    expect(app.connection.sender.rtt.smoothed).toBe(before);
  });

  test("MUST-19: slow start doubles the window in a round trip; a timeout shrinks it to one segment, and the next waits twice as long", () => {
    const { peer, write } = established();
    const first = write(1_000_000);
    let acked = 1;
    const second = first.flatMap(({ length }) => {
      acked += length;
      return peer.send({ flags: ".", seq: 1, ack: acked });
    });
    expect(second.length).toBeGreaterThan(1.5 * first.length);
    const [lost, again] = watch(peer, seconds(3)).filter(({ segment }) => segment.seq === acked);
    expect([lost!.segment.length, Math.round(again!.at / lost!.at)]).toEqual([1_460, 3]);
  });

  test("MUST-38: less than a segment waits for the window, unless it is all there is or half of what the peer ever offered", () => {
    const { peer, write } = established({ options: { mss: 1_000 }, window: 8_000 });
    write(8_000);
    // The window opens by a sliver.
    expect(write(5_000)).toEqual([]);
    expect(brief(peer.send({ flags: ".", seq: 1, ack: 1_001, window: 7_100 }))).toEqual([]);
    expect(brief(peer.send({ flags: ".", seq: 1, ack: 2_001, window: 7_000 }))).toEqual([". 8001+1000 ack 1"]);
  });

  test("MUST-60, MUST-61: what is written leaves without a PUSH of the application's, and the last segment has the flag", () => {
    const { write } = established();
    expect(write(4_380).map(({ flags }) => flags)).toEqual([".", ".", "P."]);
  });

  test("MUST-30, MUST-31, MUST-62: the urgent pointer names the byte after the urgent data, of any length", () => {
    const { peer, app, flush } = established();
    for (const length of [1, 1_000]) {
      const from = app.connection.sender.buffer.end;
      app.connection.write(new Uint8Array(length));
      app.connection.markUrgent();
      const [sent] = flush();
      const pointer = new DataView(sent!.packet.buffer).getUint16(20 + 18);
      expect([sent!.flags.includes("U"), pointer]).toEqual([true, length]);
      peer.send({ flags: ".", seq: 1, ack: from + length });
    }
  });
});

describe("keep-alive", () => {
  test("MUST-25: off unless the application asks", () => {
    const { peer, app } = established();
    expect(watch(peer, seconds(600))).toEqual([]);
    expect(app.connection.nextTimeout()).toBeUndefined();
  });

  test("MUST-24, MUST-26, MUST-27, MUST-28, MUST-29: after idle time alone, two hours unless configured; one probe unanswered ends nothing", () => {
    const { peer, app } = established({ connection: { keepAlive: true } });
    peer.run(seconds(7_199));
    expect(peer.sent).toEqual([]);
    peer.run(seconds(2));
    expect(brief(peer.sent.splice(0))).toEqual([". 0+0 ack 1"]);
    peer.run(seconds(80));
    expect(app.connection.state).toBe("ESTABLISHED");
    const soon = established({ connection: { keepAlive: true, keepAliveIdle: seconds(10) } });
    soon.peer.run(seconds(9));
    // Traffic starts the interval again.
    soon.peer.send({ flags: "P.", seq: 1, ack: 1, data: "x" });
    const seen = watch(soon.peer, seconds(12)).filter(({ segment }) => segment.seq === 0);
    expect(seen.map(({ at }) => Math.round(at))).toEqual([10]);
    soon.app.connection.setKeepAlive(false, soon.peer.now);
    expect(watch(soon.peer, seconds(60))).toEqual([]);
  });
});

describe("receiving", () => {
  test("MUST-32, MUST-33: the application learns of urgent data at once, and how much is before its end", () => {
    const { peer, app } = established({ isSlow: true });
    peer.send({ flags: ".U", seq: 1, ack: 1, data: "now", urgent: 3 });
    expect(app.events).toContain("urgent");
    expect([app.connection.urgentIn, app.connection.receiver.readable]).toEqual([4, 3]);
  });

  test("MUST-39: the window's edge moves by a segment or half of the buffer, not by slivers", () => {
    const { peer, app, flush } = established({ isSlow: true, connection: { receiveBuffer: 8_000 } });
    for (let seq = 1; seq < 8_000; seq += 1_000) {
      peer.send({ flags: "P.", seq, ack: 1, data: new Uint8Array(1_000) });
    }
    app.connection.read(100);
    expect(flush()).toEqual([]);
    for (let left = 1_400; left > 0; ) left -= app.connection.read(left)!.length;
    expect(flush()[0]!.window).toBeGreaterThanOrEqual(1_460);
  });

  test("MUST-40: an acknowledgment is late by less than half a second", () => {
    const { peer } = established();
    for (let seq = 1; seq < 50; seq += 1) {
      const at = [...peer.send({ flags: "P.", seq, ack: 1, data: "x" })].map((segment) => ({ at: 0, segment }));
      const [answer] = [...at, ...watch(peer, seconds(1))];
      expect([answer!.segment.ack, answer!.at < 0.5]).toEqual([seq + 1, true]);
    }
  });

  test("MUST-58, MUST-59: one acknowledgment for all segments that wait", () => {
    const { peer } = established();
    for (let i = 0; i < 6; i += 1) peer.post({ flags: ".", seq: 1 + i * 1_000, ack: 1, data: new Uint8Array(1_000) });
    expect(brief(peer.take())).toEqual([". 1+0 ack 6001"]);
  });

  test("MUST-66: a reset and an urgent pointer count although the window is closed", () => {
    const closed = () => {
      const made = established({ isSlow: true, connection: { receiveBuffer: 4_096 } });
      for (const seq of [1, 2_049]) made.peer.send({ flags: "P.", seq, ack: 1, data: new Uint8Array(2_048) });
      expect(made.app.connection.receiver.edge).toBe(made.app.connection.receiver.next);
      return made;
    };
    const urgent = closed();
    urgent.peer.send({ flags: ".U", seq: 4_097, ack: 1, urgent: 9 });
    expect(urgent.app.events).toContain("urgent");
    const reset = closed();
    reset.peer.send({ flags: "R", seq: 4_097 });
    expect(reset.app.connection.closeReason).toEqual({ code: "ECONNRESET" });
  });
});
