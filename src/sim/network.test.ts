import { describe, expect, test } from "vitest";
import { Ecn, type SocketAddress } from "../base/datagrams.ts";
import { type Instant, micros, millis, seconds } from "../base/time.ts";
import type { CaptureRecord } from "./datagram.ts";
import { host, link, relay } from "./elements.ts";
import type { LinkOptions } from "./link.ts";
import { SimulatedNetwork, SimulationError } from "./network.ts";
import { simulate } from "./simulate.ts";
import { type Arrival, Echo, Mailbox, Metronome } from "./testing/machines.ts";

const A: SocketAddress = { family: 4, host: "10.0.0.1", port: 1000 };
const A2: SocketAddress = { family: 4, host: "10.0.0.3", port: 1000 };
const B: SocketAddress = { family: 4, host: "10.0.0.2", port: 443 };

const ms = (count: number): Instant => millis(count) as number as Instant;
const numberOf = (arrival: Arrival): number => new DataView(arrival.bytes.buffer).getUint32(0);

/** A metronome on the left, a mailbox on the right, one link; returns the arrivals and the capture. */
function tick(options: LinkOptions, count: number, interval = millis(1), seed = 1, size = 100) {
  const arrivals: Arrival[] = [];
  const records: CaptureRecord[] = [];
  const result = simulate({
    seed,
    network: [
      host({ name: "a", address: A, machine: new Metronome(B, interval, count, size) }),
      link(options),
      host({ name: "b", address: B, machine: new Mailbox(), onEvent: (arrival) => arrivals.push(arrival) }),
    ],
    capture: (record) => records.push(record),
  });
  const dropped = records.filter((record) => record.what === "dropped").map((record) => record.reason);
  return { arrivals, records, dropped, result };
}

describe("delivery", () => {
  test("takes the delay of the link and keeps the order", () => {
    const { arrivals, result } = tick({ delay: millis(15) }, 5);
    expect(arrivals.map((a) => a.time)).toEqual([15, 16, 17, 18, 19].map(ms));
    expect(arrivals.map(numberOf)).toEqual([0, 1, 2, 3, 4]);
    expect(arrivals[0]!.remote).toBe(A);
    expect(result.reason).toBe("idle");
  });

  test("an echo returns after one round trip", () => {
    const back: Arrival[] = [];
    const mailbox = new Mailbox();
    mailbox.post(Uint8Array.of(1, 2, 3), B);
    simulate({
      seed: 1,
      network: [
        host({ name: "a", address: A, machine: mailbox, onEvent: (arrival) => back.push(arrival) }),
        link({ delay: millis(20) }, { delay: millis(30) }),
        host({ name: "b", address: B, machine: new Echo() }),
      ],
    });
    expect(back.map((a) => [a.time, [...a.bytes]])).toEqual([[ms(50), [1, 2, 3]]]);
  });

  test("simultaneous arrivals form one batch", () => {
    const mailbox = new Mailbox();
    for (let i = 0; i < 100; i += 1) mailbox.post(new Uint8Array(10), B);
    const sizes: number[] = [];
    simulate({
      seed: 1,
      network: [
        host({ name: "a", address: A, machine: mailbox }),
        link({ delay: millis(1) }),
        host({ name: "b", address: B, machine: new Mailbox(), onEvent: (arrival) => sizes.push(arrival.batchSize) }),
      ],
    });
    // A batch holds 64.
    expect(sizes).toEqual([...new Array(64).fill(64), ...new Array(36).fill(36)]);
  });

  test("hosts that share an end are distinguished by address", () => {
    const [first, second] = [new Mailbox(), new Mailbox()];
    first.post(Uint8Array.of(1), B);
    second.post(Uint8Array.of(2), B);
    const got: [string, number][] = [];
    simulate({
      seed: 1,
      network: [
        host(
          { name: "a", address: A, machine: first, onEvent: (arrival) => got.push(["a", arrival.bytes[0]!]) },
          { name: "a2", address: A2, machine: second, onEvent: (arrival) => got.push(["a2", arrival.bytes[0]!]) },
        ),
        link({ delay: millis(1) }),
        host({ name: "b", address: B, machine: new Echo() }),
      ],
    });
    expect(got).toEqual([
      ["a", 1],
      ["a2", 2],
    ]);
  });
});

describe("the transmitter", () => {
  test("sends at its rate, including headers", () => {
    // 972 + 28 bytes at 8 Mbit/s take 1 ms; all are sent at once.
    const { arrivals } = tick({ rate: 8e6, delay: millis(5), queue: 100 }, 4, micros(0), 1, 972);
    expect(arrivals.map((a) => a.time)).toEqual([6, 7, 8, 9].map(ms));
  });

  test("drops the tail when the queue is full", () => {
    // One is being transmitted and three are waiting.
    const { arrivals, dropped } = tick({ rate: 8e6, queue: 3 }, 10, micros(0), 1, 972);
    expect(arrivals.map(numberOf)).toEqual([0, 1, 2, 3]);
    expect(dropped).toEqual(new Array(6).fill("queue"));
  });

  test("drops packets larger than the MTU", () => {
    expect(tick({ mtu: 1500 }, 1, micros(0), 1, 1472).arrivals).toHaveLength(1);
    expect(tick({ mtu: 1500 }, 1, micros(0), 1, 1473).dropped).toEqual(["mtu"]);
  });

  test("marks only ECN-capable packets CE above its threshold", () => {
    for (const [ecn, expected] of [
      [Ecn.ect0, [Ecn.ect0, Ecn.ect0, Ecn.ect0, Ecn.ce, Ecn.ce]],
      [Ecn.notEct, new Array(5).fill(Ecn.notEct)],
    ] as const) {
      const mailbox = new Mailbox();
      mailbox.ecn = ecn;
      for (let i = 0; i < 5; i += 1) mailbox.post(new Uint8Array(972), B);
      const seen: number[] = [];
      simulate({
        seed: 1,
        network: [
          host({ name: "a", address: A, machine: mailbox }),
          link({ rate: 8e6, ecnThreshold: 2 }),
          host({ name: "b", address: B, machine: new Mailbox(), onEvent: (arrival) => seen.push(arrival.ecn) }),
        ],
      });
      expect(seen).toEqual(expected);
    }
  });
});

describe("impairment", () => {
  test("the loss rate is the configured one and bursts stay within their bound", () => {
    const { arrivals, dropped } = tick({ loss: 0.3, maxLossBurst: 3 }, 5_000);
    expect(dropped.length).toBeGreaterThan(1_200);
    expect(dropped.length).toBeLessThan(1_700);
    const numbers = arrivals.map(numberOf);
    const longest = Math.max(...numbers.map((n, i) => n - (numbers[i - 1] ?? -1) - 1));
    expect(longest).toBe(3);
  });

  test("a drop list loses exactly its items", () => {
    const { arrivals } = tick({ dropList: [2, 3, 7] }, 8);
    expect(arrivals.map(numberOf)).toEqual([0, 3, 4, 5, 7]);
  });

  test("a blackhole drops everything while the link is off", () => {
    const { arrivals } = tick({ blackhole: { on: millis(5), off: millis(2) } }, 14);
    expect(arrivals.map(numberOf)).toEqual([0, 1, 2, 3, 4, 7, 8, 9, 10, 11]);
    const given = tick({ blackhole: { intervals: [[ms(2), ms(4)]] } }, 6);
    expect(given.arrivals.map(numberOf)).toEqual([0, 1, 4, 5]);
  });

  test("corruption changes one bit of a copy", () => {
    const { records } = tick({ corruption: 1 }, 50);
    const sent = records.filter((r) => r.what === "sent");
    const delivered = records.filter((r) => r.what === "delivered");
    expect(delivered).toHaveLength(50);
    for (const [i, record] of delivered.entries()) {
      const before = sent[i]!.datagram.bytes;
      const changed = [...record.datagram.bytes].map((byte, at) => byte ^ before[at]!).filter((bits) => bits !== 0);
      expect(changed).toHaveLength(1);
      expect(Math.log2(changed[0]!) % 1).toBe(0);
    }
  });

  test("duplication delivers twice, reordering lets later datagrams overtake", () => {
    expect(tick({ duplication: 1 }, 3).arrivals.map(numberOf)).toEqual([0, 0, 1, 1, 2, 2]);
    const numbers = tick({ reordering: 0.3 }, 200).arrivals.map(numberOf);
    expect(numbers).not.toEqual([...numbers].sort((a, b) => a - b));
    expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });
});

describe("replay", () => {
  const everything: LinkOptions = {
    delay: millis(3),
    rate: 1e6,
    loss: 0.1,
    corruption: 0.1,
    duplication: 0.1,
    reordering: 0.2,
  };

  test("the same seed gives the same bytes at the same times; another seed does not", () => {
    const run = (seed: number) => {
      const { records, result } = tick(everything, 300, millis(1), seed);
      return { digest: result.digest, trace: records.map((r) => [r.time, r.what, r.reason, [...r.datagram.bytes]]) };
    };
    expect(run(42)).toEqual(run(42));
    expect(run(42).trace).not.toEqual(run(43).trace);
  });

  test("the digest depends on times and bytes", () => {
    const digest = (interval: number, size: number) => tick({}, 3, millis(interval), 1, size).result.digest;
    expect(digest(1, 10)).toBe(digest(1, 10));
    expect(digest(1, 10)).not.toBe(digest(2, 10));
    expect(digest(1, 10)).not.toBe(digest(1, 11));
  });
});

describe("relays", () => {
  test("may drop, change, add and return datagrams", () => {
    const a: number[] = [];
    const b: number[] = [];
    const mailbox = new Mailbox();
    for (const byte of [1, 2, 3, 4]) mailbox.post(Uint8Array.of(byte), B);
    const adversary = relay((datagram, direction) => {
      const [byte] = datagram.bytes;
      if (byte === 1) return [];
      if (byte === 2) return [{ datagram: { ...datagram, bytes: Uint8Array.of(20) }, direction }];
      if (byte === 3)
        return [
          { datagram, direction },
          { datagram, direction },
        ];
      const returned = { ...datagram, source: datagram.destination, destination: datagram.source };
      return [{ datagram: returned, direction: "backward" }];
    });
    simulate({
      seed: 1,
      network: [
        host({ name: "a", address: A, machine: mailbox, onEvent: (arrival) => a.push(arrival.bytes[0]!) }),
        link({ delay: millis(1) }),
        adversary,
        link({ delay: millis(1) }),
        host({ name: "b", address: B, machine: new Mailbox(), onEvent: (arrival) => b.push(arrival.bytes[0]!) }),
      ],
    });
    expect(b).toEqual([20, 3, 3]);
    expect(a).toEqual([4]);
  });
});

describe("runs and their bounds", () => {
  const twoHosts = (machine: Mailbox) => [
    host({ name: "a", address: A, machine }),
    link({ delay: millis(1) }),
    host({ name: "b", address: B, machine: new Mailbox() }),
  ];

  test("stops as soon as the end is reached, and continues when run again", () => {
    let seen = 0;
    const network = new SimulatedNetwork({
      seed: 1,
      network: [
        host({ name: "a", address: A, machine: new Metronome(B, millis(1), 10) }),
        link({}),
        host({
          name: "b",
          address: B,
          machine: new Mailbox(),
          onEvent: () => {
            seen += 1;
          },
        }),
      ],
    });
    expect(network.run({ until: () => seen === 4 })).toMatchObject({ reason: "until", time: ms(3) });
    expect(network.run()).toMatchObject({ reason: "idle" });
    expect(seen).toBe(10);
  });

  test("without an end condition, stops at the maximum virtual time", () => {
    const network = new SimulatedNetwork({ seed: 1, network: twoHosts(new Metronome(B, millis(1), 1e9)) });
    expect(network.run({ maxVirtualTime: seconds(2) })).toMatchObject({ reason: "max-virtual-time", time: ms(2000) });
    expect(network.now).toBe(ms(2000));
  });

  test.each([
    ["idle", new Mailbox(), {}, /seed 99: no events are left/],
    [
      "time",
      new Metronome(B, millis(1), 1e9),
      { maxVirtualTime: seconds(1) },
      /seed 99: the end condition does not hold after 1 s/,
    ],
    [
      "events",
      new Metronome(B, millis(1), 1e9),
      { maxEvents: 50 },
      /seed 99: the end condition does not hold after 50 events/,
    ],
  ])("not reaching the end is an error that names the seed: %s", (_, machine, bounds, message) => {
    const network = new SimulatedNetwork({ seed: 99, network: twoHosts(machine) });
    expect(() => network.run({ until: () => false, ...bounds })).toThrow(message);
  });

  test("an exception of a machine is reported with the seed and the cause", () => {
    class Faulty extends Mailbox {
      override handleTimeout(): void {
        throw new RangeError("broken");
      }
      override nextTimeout(): Instant {
        return ms(5);
      }
    }
    const network = new SimulatedNetwork({ seed: 7, network: twoHosts(new Faulty()) });
    const error = (() => {
      try {
        network.run();
      } catch (thrown) {
        return thrown as SimulationError;
      }
      return undefined;
    })();
    expect(error).toBeInstanceOf(SimulationError);
    expect(error!.message).toMatch(/^seed 7: broken \(at 0.005 s/);
    expect(error!.cause).toBeInstanceOf(RangeError);
  });

  test("a machine whose deadline does not advance is detected", () => {
    class Stuck extends Mailbox {
      override nextTimeout(): Instant {
        return ms(5);
      }
    }
    const network = new SimulatedNetwork({ seed: 7, network: twoHosts(new Stuck()) });
    expect(() => network.run()).toThrow(/seed 7: a spins at 5000 µs/);
  });

  test("timers fire at multiples of the grain", () => {
    const times: Instant[] = [];
    const network = new SimulatedNetwork({
      seed: 1,
      network: [
        host({ name: "a", address: A, machine: new Metronome(B, micros(300), 5), timerGrain: millis(1) }),
        link({}),
        host({
          name: "b",
          address: B,
          machine: new Mailbox(),
          onEvent: (_, now) => {
            times.push(now);
          },
        }),
      ],
    });
    network.run();
    expect(times).toEqual([0, 1, 2, 3, 4].map(ms));
  });

  test("a machine that becomes ready gets its turn, whatever the cause", () => {
    const mailbox = new Mailbox();
    const arrivals: Arrival[] = [];
    const network = new SimulatedNetwork({
      seed: 1,
      network: [
        host({ name: "a", address: A, machine: mailbox }),
        link({ delay: millis(1) }),
        host({ name: "b", address: B, machine: new Mailbox(), onEvent: (arrival) => arrivals.push(arrival) }),
      ],
    });
    network.run();
    mailbox.post(Uint8Array.of(9), B);
    network.run();
    expect(arrivals).toHaveLength(1);
  });

  test("a network must begin and end with a host", () => {
    expect(() => new SimulatedNetwork({ seed: 1, network: [link({}), link({})] })).toThrow(/begin and end/);
  });
});
