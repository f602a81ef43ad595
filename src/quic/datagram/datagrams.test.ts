import { describe, expect, test } from "vitest";
import { type Instant, after as later, millis } from "../../base/time.ts";
import { EncryptionLevel } from "../../tls/index.ts";
import { DEFAULT_LIMITS } from "../connection/config.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import type { Connection } from "../index.ts";
import { HostilePeer } from "../testing/hostile-peer.ts";
import { Pair, type PairOptions } from "../testing/pair.ts";
import { DEFAULT_DATAGRAM_LIMITS } from "./limits.ts";

const ON = { datagrams: DEFAULT_DATAGRAM_LIMITS };

const connect = (options: PairOptions = {}): Pair =>
  new Pair({ ...options, client: { ...ON, ...options.client }, server: { ...ON, ...options.server } }).connect();

const numbered = (n: number, length = 4): Uint8Array => {
  const data = new Uint8Array(length);
  new DataView(data.buffer).setUint32(0, n);
  return data;
};

function readAll(connection: Connection): number[] {
  const numbers: number[] = [];
  for (let next = connection.readDatagram(); next !== undefined; next = connection.readDatagram()) {
    numbers.push(new DataView(next.buffer, next.byteOffset).getUint32(0));
  }
  return numbers;
}

describe("DATAGRAM frames (RFC 9221)", () => {
  test("arrive in both directions, with one event for all that wait", () => {
    const pair = connect();
    const flow = pair.connection.openDatagramFlow();
    for (let n = 0; n < 5; n += 1) expect(flow.send(numbered(n))).toBe("queued");
    pair.peer!.openDatagramFlow().send(numbered(9));
    pair.run(undefined, millis(100));
    expect(pair.serverEvents.filter(({ type }) => type === "datagram-readable")).toHaveLength(1);
    expect(readAll(pair.peer!)).toEqual([0, 1, 2, 3, 4]);
    expect(readAll(pair.connection)).toEqual([9]);
    flow.send(numbered(5));
    pair.run(undefined, millis(100));
    expect(pair.serverEvents.filter(({ type }) => type === "datagram-readable")).toHaveLength(2);
  });

  test("are traced when the application writes and reads them", () => {
    const moved: unknown[] = [];
    const trace: PairOptions["trace"] = (side, event) => {
      if (event.type === "quic:datagram-data-moved") moved.push([side, event.direction, event.length]);
    };
    const pair = connect({ trace });
    pair.connection.openDatagramFlow().send(numbered(1, 9));
    pair.run(undefined, millis(100));
    readAll(pair.peer!);
    expect(moved).toEqual([
      ["client", "written", 9],
      ["server", "read", 9],
    ]);
  });

  test("are unsupported unless the peer announces them", () => {
    const pair = connect({ server: { datagrams: undefined } });
    expect(pair.connection.maxDatagramPayload).toBe(0);
    expect(pair.connection.openDatagramFlow().send(numbered(1))).toBe("unsupported");
    expect(pair.peer!.openDatagramFlow().send(numbered(1))).toBe("unsupported");
  });

  test("the largest fits exactly, and one byte more is refused", () => {
    const pair = connect();
    const flow = pair.connection.openDatagramFlow();
    const { maxDatagramPayload } = pair.connection;
    expect(flow.send(numbered(1, maxDatagramPayload + 1))).toBe("too-large");
    expect(flow.send(numbered(1, maxDatagramPayload))).toBe("queued");
    pair.run(undefined, millis(100));
    expect(pair.peer!.readDatagram()).toHaveLength(maxDatagramPayload);
  });

  test("the peer's limit includes the type and the length (§3)", () => {
    const pair = connect({ server: { datagrams: { ...DEFAULT_DATAGRAM_LIMITS, maxFrameSize: 100 } } });
    expect(pair.connection.maxDatagramPayload).toBe(97);
    pair.connection.openDatagramFlow().send(numbered(1, 97));
    pair.run(undefined, millis(100));
    expect(pair.peer!.isOpen).toBe(true);
    expect(pair.peer!.readDatagram()).toHaveLength(97);
  });

  test("are not sent again when they are lost (§5.2)", () => {
    let isLossy = false;
    const pair = connect({ wire: (datagram, to) => (isLossy && to === "to-server" ? undefined : datagram) });
    const flow = pair.connection.openDatagramFlow();
    isLossy = true;
    flow.send(numbered(1));
    pair.run(undefined, millis(5));
    isLossy = false;
    for (let n = 2; n < 6; n += 1) {
      flow.send(numbered(n));
      pair.run(undefined, millis(50));
    }
    pair.run(undefined, millis(2_000));
    expect(readAll(pair.peer!)).toEqual([2, 3, 4, 5]);
    expect(pair.connection.datagramFacts).toMatchObject({ sent: 5, lost: 1 });
  });

  test("one that is too old is dropped instead of sent", () => {
    const pair = connect();
    const flow = pair.connection.openDatagramFlow();
    // Fills the window, so that the datagrams have to wait.
    const id = pair.connection.openStream("uni")!;
    pair.connection.write(id, new Uint8Array(500_000), true);
    flow.setPriority({ urgency: 7, incremental: true });
    flow.send(numbered(1), later(pair.now, millis(15)));
    flow.send(numbered(2), later(pair.now, millis(60_000)));
    pair.run(undefined, millis(5_000));
    expect(readAll(pair.peer!)).toEqual([2]);
    expect(pair.connection.datagramFacts.expired).toBe(1);
  });

  test("are congestion controlled", () => {
    const pair = connect({ delay: millis(50) });
    const flow = pair.connection.openDatagramFlow();
    for (let n = 0; n < 100; n += 1) flow.send(numbered(n, 1000));
    // Half a round trip: nothing is acknowledged yet.
    pair.run(undefined, millis(49));
    const { bytesInFlight, congestionWindow } = pair.connection.route.controller;
    expect(flow.length).toBeGreaterThan(50);
    expect(bytesInFlight).toBeLessThanOrEqual(congestionWindow);
  });
});

describe("flows", () => {
  test("take turns with streams and other flows", () => {
    const pair = connect();
    const flows = [pair.connection.openDatagramFlow(), pair.connection.openDatagramFlow()];
    for (const [index, flow] of flows.entries()) {
      for (let n = 0; n < 3; n += 1) flow.send(numbered(10 * index + n, 1000));
    }
    pair.run(undefined, millis(100));
    expect(readAll(pair.peer!)).toEqual([0, 10, 1, 11, 2, 12]);
  });

  test("an urgent one goes first", () => {
    const pair = connect();
    const late = pair.connection.openDatagramFlow();
    const urgent = pair.connection.openDatagramFlow({ priority: { urgency: 0, incremental: true } });
    for (let n = 0; n < 2; n += 1) late.send(numbered(n, 1000));
    for (let n = 10; n < 12; n += 1) urgent.send(numbered(n, 1000));
    pair.run(undefined, millis(100));
    expect(readAll(pair.peer!)).toEqual([10, 11, 0, 1]);
  });

  test("need no flow control credit", () => {
    const pair = connect({ server: { limits: { ...DEFAULT_LIMITS, initialMaxData: 0, maxConnectionWindow: 0 } } });
    pair.connection.write(pair.connection.openStream("uni")!, new Uint8Array(1000), true);
    pair.connection.openDatagramFlow().send(numbered(7));
    pair.run(undefined, millis(100));
    expect(readAll(pair.peer!)).toEqual([7]);
  });

  test("hold no more than their limit, and all together no more than the connection's", () => {
    const pair = connect({ client: { datagrams: { ...DEFAULT_DATAGRAM_LIMITS, sendBuffer: 10_000 } } });
    const small = pair.connection.openDatagramFlow({ maxBytes: 2_500 });
    const results = [1, 2, 3].map((n) => small.send(numbered(n, 1000)));
    expect(results).toEqual(["queued", "queued", "full"]);
    const other = pair.connection.openDatagramFlow();
    let queued = 0;
    while (other.send(numbered(queued, 1000)) === "queued") queued += 1;
    expect(queued).toBe(7);
    small.close();
    expect(small.send(numbered(1))).toBe("closed");
    expect(other.send(numbered(queued, 1000))).toBe("queued");
    pair.run(undefined, millis(1_000));
    expect(readAll(pair.peer!)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test("a full flow drops what is too old to make room", () => {
    const pair = connect();
    const flow = pair.connection.openDatagramFlow({ maxBytes: 2_500 });
    flow.send(numbered(1, 1000), 0 as Instant);
    flow.send(numbered(2, 1000), later(pair.now, millis(1_000)));
    expect(flow.send(numbered(3, 1000))).toBe("queued");
    expect(flow.length).toBe(2);
  });
});

describe("hostile peers", () => {
  const { oneRtt } = EncryptionLevel;
  const datagram = (length: number) => ({ type: "datagram", data: new Uint8Array(length), hasLength: true }) as const;

  test.each(["client", "server"] as const)(
    "a %s that sends datagrams without being asked to is disconnected",
    (role) => {
      const peer = new HostilePeer({ role }).handshake();
      peer.send(oneRtt, [datagram(10)]);
      expect(peer.close?.code).toBe(TRANSPORT_ERRORS.PROTOCOL_VIOLATION.code);
    },
  );

  test("one above the announced size closes the connection (§3)", () => {
    const limits = { ...DEFAULT_DATAGRAM_LIMITS, maxFrameSize: 102 };
    const peer = new HostilePeer({ role: "client", victim: { datagrams: limits } }).handshake();
    expect(peer.send(oneRtt, [datagram(99)]).close).toBeUndefined();
    expect(peer.send(oneRtt, [datagram(100)]).close?.code).toBe(TRANSPORT_ERRORS.PROTOCOL_VIOLATION.code);
  });

  test("a flood that nobody reads stays within the buffer; the newest are kept", () => {
    const pair = connect({ server: { datagrams: { ...DEFAULT_DATAGRAM_LIMITS, receiveBuffer: 20_000 } } });
    const flow = pair.connection.openDatagramFlow();
    for (let n = 0; n < 200; n += 1) {
      flow.send(numbered(n, 1000));
      pair.run(undefined, millis(20));
    }
    const kept = readAll(pair.peer!);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => 200 - kept.length + i));
    expect(kept.length).toBeLessThanOrEqual(20);
    expect(kept.length).toBeGreaterThan(15);
    expect(pair.peer!.datagramFacts.unread).toBe(200 - kept.length);
  });

  test("empty datagrams count too", () => {
    const pair = connect({ server: { datagrams: { ...DEFAULT_DATAGRAM_LIMITS, receiveBuffer: 1_000 } } });
    const flow = pair.connection.openDatagramFlow();
    for (let n = 0; n < 100; n += 1) flow.send(new Uint8Array(0));
    pair.run(undefined, millis(500));
    expect(pair.peer!.datagramFacts.unread).toBeGreaterThan(80);
  });
});

describe("a train of packets", () => {
  const trainOf = (pair: Pair) => pair.connection.pollTransmit({ arena: new Uint8Array(64 * 1024) }, 32, pair.now);

  test("has datagrams of one size, however small", () => {
    const pair = connect();
    pair.run(undefined, millis(100));
    const flow = pair.connection.openDatagramFlow();
    for (let n = 0; n < 6; n += 1) flow.send(numbered(n, 900));
    const train = trainOf(pair)!;
    expect(train.count).toBeGreaterThanOrEqual(5);
    expect(train.segmentSize).toBeLessThan(1000);
  });

  test("ends before stream data, whose packets are full", () => {
    const pair = connect();
    pair.run(undefined, millis(100));
    const flow = pair.connection.openDatagramFlow();
    flow.send(numbered(0, 900));
    flow.send(numbered(1, 900));
    const id = pair.connection.openStream("uni")!;
    pair.connection.write(id, new Uint8Array(10_000), true);
    for (let train = trainOf(pair); train !== undefined; train = trainOf(pair)) {
      if (train.count > 2) expect(train.segmentSize).toBeGreaterThanOrEqual(1200);
    }
  });
});
