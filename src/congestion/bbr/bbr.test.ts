/** The states of BBR. The test cases follow the draft's appendix. */

import { describe, expect, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { type Instant, millis } from "../../base/time.ts";
import { type BulkTransferOptions, bulkTransfer, DEFAULT_LINK } from "../../quic/recovery/testing/bulk-transfer.ts";
import type { LinkOptions } from "../../sim/index.ts";
import type { CongestionPacket } from "../controller.ts";
import { ms, rttOf } from "../testing/flow.ts";
import { Bbr } from "./bbr.ts";

/** A queue that never overflows. */
const DEEP: LinkOptions = { ...DEFAULT_LINK, queue: 2000 };
const LONG: LinkOptions = { delay: millis(25), rate: 20e6, queue: 104 };

interface Change {
  readonly state: string;
  readonly at: number;
  readonly inFlight: number;
  readonly bandwidth: number;
}

/** Transfers with BBR and records each change of its state. */
function observe(options: LinkOptions, run: BulkTransferOptions = {}) {
  const changes: Change[] = [];
  const transfer = bulkTransfer(options, {
    ...run,
    route: { congestionControl: "bbr", ...run.route },
    watch: (sender, time) => {
      const { state, bytesInFlight: inFlight, maxBandwidth: bandwidth } = sender.route.controller as Bbr;
      if (changes.at(-1)?.state !== state) changes.push({ state, at: time, inFlight, bandwidth });
    },
  });
  const { rtt } = transfer.sender.route;
  return { ...transfer, changes, states: changes.map(({ state }) => state), rtt };
}

describe("on a simulated link", () => {
  test("startup ends when the delivery rate stops growing, with the link's rate as the bandwidth", () => {
    const { changes } = observe(DEEP);
    expect(changes.slice(0, 3).map(({ state }) => state)).toEqual(["startup", "drain", "probe-bw-cruise"]);
    const payloadRate = (10e6 / 8e6) * (1200 / 1228);
    expect(changes[1]!.bandwidth / payloadRate).toBeGreaterThan(0.98);
    expect(changes[1]!.bandwidth / payloadRate).toBeLessThan(1.02);
  });

  test("drain ends once no more is in flight than the path holds", () => {
    const { changes } = observe(DEEP);
    const { inFlight, bandwidth } = changes[2]!;
    expect(changes[1]!.inFlight).toBeGreaterThan(1.5 * inFlight);
    expect(inFlight).toBeLessThan(1.1 * bandwidth * 31_200);
  });

  test("cycles through refill, up, down and cruise", () => {
    const { states } = observe(DEEP);
    const cycle = ["probe-bw-cruise", "probe-bw-refill", "probe-bw-up", "probe-bw-down", "probe-bw-cruise"];
    expect(states.slice(2, 7)).toEqual(cycle);
  });

  test("keeps a deep queue nearly empty, where CUBIC fills it", () => {
    const bbr = observe(DEEP);
    const cubic = bulkTransfer(DEEP, { route: { congestionControl: "cubic" } });
    expect(bbr.rtt.smoothed / bbr.rtt.min).toBeLessThan(2);
    expect(cubic.sender.route.rtt.smoothed / cubic.sender.route.rtt.min).toBeGreaterThan(5);
    expect(bbr.mbps).toBeGreaterThan(9);
  });

  test("random loss does not slow it down, as it does CUBIC", () => {
    const lossy = { ...LONG, loss: 0.01 };
    const bbr = observe(lossy, { total: 5_000_000 });
    const cubic = bulkTransfer(lossy, { total: 5_000_000, route: { congestionControl: "cubic" } });
    expect(bbr.mbps).toBeGreaterThan(0.7 * 20);
    expect(bbr.mbps).toBeGreaterThan(2 * cubic.mbps);
  });

  test("measures the minimum round-trip time again after five seconds, for at least 200 ms", () => {
    const { changes } = observe(LONG, { total: 16_000_000 });
    const index = changes.findIndex(({ state }) => state === "probe-rtt");
    const [probe, after] = changes.slice(index) as [Change, Change];
    expect(probe.at).toBeGreaterThan(5_000_000);
    expect(after.at - probe.at).toBeGreaterThanOrEqual(200_000);
    expect(after.at - probe.at).toBeLessThan(500_000);
    expect(after.state).toBe("probe-bw-cruise");
  });

  test("a coarse timer costs nothing", () => {
    for (const timerGrain of [4_000, 15_000]) expect(observe(DEEP, { timerGrain }).mbps).toBeGreaterThan(9);
  });

  test("marks count as congestion", () => {
    const marked = observe({ ...DEEP, ecnThreshold: 10 }, { route: { ecn: true } });
    expect(marked.sender.route.ecn.state).toBe("capable");
    expect(marked.mbps).toBeGreaterThan(8);
    const { inFlight } = marked.changes.find(({ state }) => state === "drain")!;
    const unmarked = observe(DEEP).changes.find(({ state }) => state === "drain")!;
    expect(inFlight).toBeLessThan(unmarked.inFlight);
  });
});

/** Drives a controller by hand: each round trip takes 50 ms and delivers `perRound` packets. */
class Rounds {
  readonly bbr = new Bbr(1200, new SeededRng(1));
  now = ms(0);

  send(count: number): CongestionPacket[] {
    return Array.from({ length: count }, () => {
      const delivery = this.bbr.onPacketSent(1200, this.now);
      return { size: 1200, timeSent: this.now, inFlight: true, delivery };
    });
  }

  wait(duration: number): void {
    this.now = (this.now + millis(duration)) as Instant;
  }

  ack(packets: readonly CongestionPacket[]): void {
    this.bbr.onPacketsAcked(packets, rttOf(millis(50)), this.now);
  }

  /** A round trip limited by the application. */
  trickle(): void {
    const packets = this.send(2);
    this.bbr.onApplicationLimited();
    this.wait(50);
    this.ack(packets);
  }

  /** A round trip that fills the window up to `limit` packets, one ACK for every two. */
  full(limit: number): CongestionPacket[] {
    const room = Math.floor((this.bbr.congestionWindow - this.bbr.bytesInFlight) / 1200);
    const packets = this.send(Math.min(room, limit));
    this.wait(50);
    return packets;
  }

  /** Round trips until startup is over and the queue drained. */
  reachCruise(): void {
    for (let i = 0; i < 40 && this.bbr.state !== "probe-bw-cruise"; i += 1) this.ack(this.full(40));
    expect(this.bbr.state).toBe("probe-bw-cruise");
  }
}

describe("by hand", () => {
  test("a flow limited by the application never leaves startup", () => {
    const rounds = new Rounds();
    for (let i = 0; i < 60; i += 1) rounds.trickle();
    expect(rounds.bbr.state).toBe("startup");
  });

  test("many losses in a round trip end startup", () => {
    const rounds = new Rounds();
    rounds.ack(rounds.full(10));
    for (let i = 0; i < 3 && rounds.bbr.state === "startup"; i += 1) {
      const packets = rounds.full(30);
      const lost = packets.filter((_, n) => n % 3 === 0);
      for (const packet of lost) rounds.bbr.onPacketsLost([packet], packet.timeSent, false, rounds.now);
      rounds.ack(packets.filter((_, n) => n % 3 !== 0));
    }
    expect(rounds.bbr.state).not.toBe("startup");
  });

  test("if those losses were spurious, startup continues", () => {
    const rounds = new Rounds();
    rounds.ack(rounds.full(10));
    let lost: CongestionPacket[] = [];
    while (rounds.bbr.state === "startup") {
      const packets = rounds.full(30);
      lost = packets.filter((_, n) => n % 3 === 0);
      for (const packet of lost) rounds.bbr.onPacketsLost([packet], packet.timeSent, false, rounds.now);
      rounds.ack(packets.filter((_, n) => n % 3 !== 0));
    }
    rounds.bbr.onSpuriousCongestion(rounds.now);
    expect(rounds.bbr.state).toBe("startup");
  });

  test("an idle time counts as a probe of the round-trip time", () => {
    const rounds = new Rounds();
    rounds.reachCruise();
    rounds.bbr.onApplicationLimited();
    rounds.wait(6_000);
    for (let i = 0; i < 3; i += 1) rounds.ack(rounds.full(40));
    expect(rounds.bbr.state).not.toBe("probe-rtt");
  });

  test("a mark ends startup", () => {
    const rounds = new Rounds();
    rounds.ack(rounds.full(10));
    const packets = rounds.full(20);
    rounds.bbr.onCongestionExperienced(packets.at(-1)!.timeSent, rounds.now);
    expect(rounds.bbr.state).toBe("drain");
  });

  test("persistent congestion leaves the minimum window, until the path delivers again (RFC 9002 §7.6.2)", () => {
    const rounds = new Rounds();
    rounds.reachCruise();
    const packets = rounds.full(40);
    const isNew = rounds.bbr.onPacketsLost(packets.slice(0, -1), packets.at(-2)!.timeSent, true, rounds.now);
    expect(isNew).toBe(true);
    expect(rounds.bbr.congestionWindow).toBe(2 * 1200);
    rounds.ack(packets.slice(-1));
    for (let i = 0; i < 3; i += 1) rounds.ack(rounds.full(40));
    expect(rounds.bbr.congestionWindow).toBeGreaterThanOrEqual(40 * 1200);
  });

  test("discarded packets are neither delivered nor lost", () => {
    const rounds = new Rounds();
    rounds.send(3);
    rounds.bbr.onPacketsDiscarded(3600);
    expect(rounds.bbr.bytesInFlight).toBe(0);
  });
});
