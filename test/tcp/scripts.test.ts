/** Scripts against the stack, segment by segment, in the manner of packetdrill. Positions are relative to the ISNs. */

import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../src/base/time.ts";
import { readAll, sink } from "../../src/netstack/testing/tcp-apps.ts";
import { type Sent, WirePeer } from "../../src/netstack/testing/wire-peer.ts";
import { ip } from "../../src/netstack/testing/world.ts";

const brief = (segments: readonly Sent[]): string[] =>
  segments.map(({ flags, seq, ack, length }) => `${flags} ${seq}+${length} ack ${ack}`);

/** A peer with an established connection to a server that reads everything and never closes by itself. */
function established(options?: Parameters<WirePeer["open"]>[0], window?: number) {
  const peer = new WirePeer();
  peer.apps.serve(80, (app, event) => {
    if (event === "readable" || event === "ended") readAll(app);
  });
  peer.open(options, window);
  const app = peer.apps.all[0]!;
  const write = (bytes: number | string): Sent[] => {
    app.connection.write(typeof bytes === "string" ? new TextEncoder().encode(bytes) : new Uint8Array(bytes).fill(7));
    peer.stack.tcp.touch(app.connection);
    return peer.take();
  };
  const text = (): string => new TextDecoder().decode(app.bytes());
  return { peer, app, write, text };
}

describe("LISTEN and CLOSED (RFC 9293 §3.10.7)", () => {
  test("a SYN to a closed port: RST, ACK", () => {
    expect(brief(new WirePeer().send({ flags: "S" }))).toEqual(
      ["R. -1000+0 ack 1"].map((line) => line.replace("-1000", "0")),
    );
  });

  test("an ACK to a closed port or a listener: RST at its acknowledgment", () => {
    const peer = new WirePeer();
    peer.apps.serve(80, sink);
    expect(brief(peer.send({ flags: ".", ack: 777 }))).toEqual(["R 777+0 ack -1000"]);
    peer.ownPort = 81;
    expect(brief(peer.send({ flags: ".", ack: 777 }))).toEqual(["R 777+0 ack -1000"]);
  });

  test("SYN with FIN, no flags, and RST to a listener: nothing", () => {
    const peer = new WirePeer();
    peer.apps.serve(80, sink);
    for (const flags of ["SF", "", "R", "R."]) expect(peer.send({ flags, ack: 5 })).toEqual([]);
  });

  test("the SYN-ACK answers only the options of the SYN (MUST-14, RFC 7323, RFC 2018)", () => {
    const plain = established();
    expect(plain.peer.stack.tcp.size).toBe(1);
    const peer = new WirePeer();
    peer.apps.serve(80, sink);
    const full = { mss: 1_460, sackPermitted: true, windowScale: 7, timestamp: { value: 9, echo: 0 } } as const;
    const [answer] = peer.send({ flags: "S", options: full });
    expect(answer).toMatchObject({ flags: "S.", options: { mss: 1_460, sackPermitted: true, windowScale: 5 } });
    expect(answer!.options.timestamp!.echo).toBe(9);
    const other = new WirePeer();
    other.apps.serve(80, sink);
    expect(other.send({ flags: "S", options: { mss: 1_460 } })[0]!.options).toEqual({ mss: 1_460 });
  });

  test("MUST-15: without an MSS, segments carry at most 536 bytes", () => {
    const { write } = established({});
    expect(brief(write(1_200))).toEqual([". 1+536 ack 1", ". 537+536 ack 1"]);
  });
});

describe("active open", () => {
  const connecting = () => {
    const peer = new WirePeer();
    const app = peer.apps.connect(ip("10.77.0.1"), peer.port, sink, peer.now, {}, 80);
    peer.ownPort = 80;
    const [syn] = peer.take();
    peer.iss = (peer.iss + syn!.seq) >>> 0;
    return { peer, app, syn: syn! };
  };

  test("the handshake", () => {
    const { peer, app, syn } = connecting();
    expect(syn).toMatchObject({ flags: "S", options: { mss: 1_460, sackPermitted: true } });
    expect(brief(peer.send({ flags: "S.", ack: 1, options: { mss: 1_460 } }))).toEqual([". 1+0 ack 1"]);
    expect([app.connection.state, app.events]).toEqual(["ESTABLISHED", ["connected"]]);
  });

  test("an acknowledgment of what was not sent: RST, and the connection goes on", () => {
    const { peer, app } = connecting();
    expect(brief(peer.send({ flags: "S.", ack: 9 }))).toEqual(["R 9+0 ack -1000"]);
    expect(app.connection.state).toBe("SYN-SENT");
  });

  test("a reset refuses the connection only with a good acknowledgment", () => {
    const { peer, app } = connecting();
    peer.send({ flags: "R" });
    peer.send({ flags: "R.", ack: 2 });
    expect(app.connection.state).toBe("SYN-SENT");
    peer.send({ flags: "R.", ack: 1 });
    expect([app.connection.state, app.connection.closeReason]).toEqual(["CLOSED", { code: "ECONNREFUSED" }]);
  });

  test("MUST-10: simultaneous open", () => {
    const { peer, app } = connecting();
    expect(brief(peer.send({ flags: "S", options: { mss: 1_460 } }))).toEqual(["S. 0+0 ack 1"]);
    expect(app.connection.state).toBe("SYN-RECEIVED");
    peer.send({ flags: "S.", ack: 1, options: { mss: 1_460 } });
    expect(app.connection.state).toBe("ESTABLISHED");
  });

  test("the SYN is sent again at 1, 3, 7, … s, and R2 is at least three minutes (MUST-23)", () => {
    const { peer, app } = connecting();
    const times: number[] = [];
    const start = peer.now;
    while (app.connection.state === "SYN-SENT" && peer.now - start < seconds(400)) {
      peer.run(millis(100));
      for (const _ of peer.sent.splice(0)) times.push(Math.round((peer.now - start) / 1e6));
    }
    expect(times.slice(0, 5)).toEqual([1, 3, 7, 15, 31]);
    expect((peer.now - start) / 1e6).toBeGreaterThanOrEqual(180);
    expect(app.connection.closeReason).toEqual({ code: "ETIMEDOUT" });
  });
});

describe("blind attacks (RFC 5961)", () => {
  test("a reset resets only at RCV.NXT; elsewhere in the window it is challenged, outside it is dropped", () => {
    const { peer, app } = established();
    expect(brief(peer.send({ flags: "R", seq: 501 }))).toEqual([". 1+0 ack 1"]);
    expect(peer.send({ flags: "R", seq: -500 })).toEqual([]);
    expect(app.connection.state).toBe("ESTABLISHED");
    expect(peer.send({ flags: "R", seq: 1 })).toEqual([]);
    expect(app.connection.closeReason).toEqual({ code: "ECONNRESET" });
    expect(app.events).toContain("closed");
  });

  test("a SYN in the window is challenged", () => {
    const { peer, app } = established();
    expect(brief(peer.send({ flags: "S", seq: 1 }))).toEqual([". 1+0 ack 1"]);
    expect(app.connection.state).toBe("ESTABLISHED");
  });

  test("an ACK of what was not sent, or of what is long gone, is challenged, and its data dropped", () => {
    const { peer, text } = established();
    expect(brief(peer.send({ flags: ".", seq: 1, ack: 500, data: "evil" }))).toEqual([". 1+0 ack 1"]);
    expect(brief(peer.send({ flags: ".", seq: 1, ack: -100_000, data: "evil" }))).toEqual([". 1+0 ack 1"]);
    expect(text()).toBe("");
  });

  test("challenges are limited, for this connection alone", () => {
    const { peer } = established();
    let answers = 0;
    for (let i = 0; i < 1_000; i += 1) answers += peer.send({ flags: "R", seq: 500 }).length;
    expect(answers).toBeGreaterThanOrEqual(5);
    expect(answers).toBeLessThan(20);
    expect(peer.stack.tcp.counts.challenge).toBe(1_000);
  });
});

describe("receiving", () => {
  test("out of order: duplicate ACKs with SACK, the latest block first (RFC 2018)", () => {
    const { peer, text } = established({ mss: 1_460, sackPermitted: true });
    peer.send({ flags: ".", seq: 1, ack: 1, data: "0123456789" });
    const [first] = peer.send({ flags: ".", seq: 21, ack: 1, data: "cccccccccc" });
    const [second] = peer.send({ flags: ".", seq: 41, ack: 1, data: "eeeeeeeeee" });
    const relative = ({ options }: Sent) => options.sack!.map((edge) => (edge - peer.irs) | 0);
    expect([first!.ack, relative(first!)]).toEqual([11, [21, 31]]);
    expect([second!.ack, relative(second!)]).toEqual([11, [41, 51, 21, 31]]);
    expect(peer.send({ flags: ".", seq: 11, ack: 1, data: "bbbbbbbbbb" })[0]!.ack).toBe(31);
    expect(peer.send({ flags: ".", seq: 31, ack: 1, data: "dddddddddd" })[0]!.ack).toBe(51);
    expect(text()).toBe("0123456789bbbbbbbbbbccccccccccddddddddddeeeeeeeeee");
  });

  test("a duplicate is reported (RFC 2883); where data overlaps, the first copy stays", () => {
    const { peer, text } = established({ mss: 1_460, sackPermitted: true });
    peer.send({ flags: ".", seq: 1, ack: 1, data: "abcdef" });
    const [again] = peer.send({ flags: ".", seq: 1, ack: 1, data: "XXXXXX" });
    expect(again!.options.sack!.map((edge) => (edge - peer.irs) | 0)).toEqual([1, 7]);
    peer.send({ flags: ".", seq: 4, ack: 1, data: "XXXghi" });
    expect(text()).toBe("abcdefghi");
  });

  test("PAWS: an older timestamp is acknowledged and dropped; a segment without one is dropped", () => {
    const { peer, text } = established({ mss: 1_460, timestamp: { value: 1_000, echo: 0 } });
    const stamp = (value: number) => ({ options: { timestamp: { value, echo: 0 } } });
    peer.send({ flags: ".", seq: 1, ack: 1, data: "one", ...stamp(1_010) });
    peer.send({ flags: ".", seq: 4, ack: 1, data: "old", ...stamp(999) });
    peer.send({ flags: ".", seq: 4, ack: 1, data: "bare" });
    expect(text()).toBe("one");
    expect(peer.stack.tcp.counts.paws).toBe(2);
    peer.send({ flags: ".", seq: 4, ack: 1, data: "two", ...stamp(1_011) });
    expect(text()).toBe("onetwo");
  });

  test("a closed window: the edge never moves back, data beyond it is cut, and reading opens it", () => {
    const peer = new WirePeer();
    peer.apps.serve(80, () => {}, { receiveBuffer: 4_000 });
    peer.open({ mss: 1_000 });
    const app = peer.apps.all[0]!;
    const edges: number[] = [];
    for (let seq = 1; seq < 6_000; seq += 1_000) {
      for (const { ack, window } of peer.send({ flags: ".", seq, ack: 1, data: new Uint8Array(1_000) })) {
        edges.push(ack + window);
      }
    }
    expect(edges.every((edge, i) => i === 0 || edge >= edges[i - 1]!)).toBe(true);
    const probe = peer.send({ flags: ".", seq: 4_001, ack: 1, data: "x" });
    expect(probe).toMatchObject([{ ack: 4_001, window: 0 }]);
    readAll(app);
    peer.stack.tcp.touch(app.connection);
    expect(app.received).toBe(4_000);
    expect(peer.take()).toMatchObject([{ ack: 4_001, window: 4_000 }]);
  });

  test("keep-alive probes of the peer are answered", () => {
    const { peer } = established();
    expect(brief(peer.send({ flags: ".", seq: 0, ack: 1 }))).toEqual([". 1+0 ack 1"]);
  });

  test("urgent data stays in the stream, and the application learns where it ends (RFC 6093)", () => {
    const { peer, app, text } = established();
    peer.send({ flags: ".U", seq: 1, ack: 1, data: "hurry", urgent: 5 });
    expect([app.events.includes("urgent"), app.connection.urgentIn, text()]).toEqual([true, 6, "hurry"]);
  });
});

describe("sending", () => {
  test("an RTO retransmits one segment, and doubles", () => {
    const { peer, write } = established();
    write(4_000);
    const times: number[] = [];
    const start = peer.now;
    for (let i = 0; i < 80; i += 1) {
      peer.run(millis(100));
      for (const { seq } of peer.sent.splice(0)) times.push(seq, Math.round((peer.now - start) / 1e5) / 10);
    }
    // The handshake took no time, so RTO is its minimum.
    expect(times.slice(0, 8)).toEqual([1, 0.2, 1, 0.6, 1, 1.4, 1, 3]);
  });

  test("three duplicate ACKs without SACK: fast retransmit", () => {
    const { peer, write } = established();
    expect(write(8_000)).toHaveLength(5);
    const answers = [1, 2, 3].flatMap(() => peer.send({ flags: ".", seq: 1, ack: 1 }));
    expect(brief(answers)[0]).toBe(". 1+1460 ack 1");
    expect(brief(peer.send({ flags: ".", seq: 1, ack: 7_301 }))).toEqual(["P. 7301+700 ack 1"]);
  });

  test("RACK: what was sent before a segment that arrived is lost, and only that", () => {
    const { peer, write } = established({ mss: 1_460, sackPermitted: true });
    write(1);
    peer.send({ flags: ".", seq: 1, ack: 2 });
    write(1_460 * 5);
    peer.run(millis(5));
    const sack = [1_462, 1_462 + 4 * 1_460].map((edge) => (peer.iss + edge) >>> 0);
    const answers = peer.send({ flags: ".", seq: 1, ack: 2, options: { sack } });
    expect(brief(answers)).toEqual([". 2+1460 ack 1"]);
    expect(peer.send({ flags: ".", seq: 1, ack: 2 + 5 * 1_460 })).toEqual([]);
  });

  test("tail loss probe: the last segment again, after two round trips (RFC 8985 §7)", () => {
    const { peer, write } = established({ mss: 1_460, sackPermitted: true });
    write(1);
    peer.run(millis(30));
    peer.send({ flags: ".", seq: 1, ack: 2 });
    write(1_460 * 3);
    peer.sent.length = 0;
    peer.run(millis(80));
    expect(brief(peer.sent.splice(0)).map((line) => line.replace("P", ""))).toEqual([". 2922+1460 ack 1"]);
  });

  test("Nagle holds a small segment back while another is outstanding; noDelay does not (MUST-17)", () => {
    const { peer, app, write } = established();
    expect(write("a")).toHaveLength(1);
    expect(write("b")).toEqual([]);
    expect(brief(peer.send({ flags: ".", seq: 1, ack: 2 }))).toEqual(["P. 2+1 ack 1"]);
    app.connection.setNoDelay(true);
    expect(write("c")).toHaveLength(1);
  });

  test("a zero window is probed with one byte, at doubling intervals, for ever (MUST-36, MUST-37)", () => {
    const { peer, app, write } = established({ mss: 1_460 }, 0);
    expect(write(3_000)).toEqual([]);
    let probes = 0;
    for (let minute = 0; minute < 20; minute += 1) {
      peer.run(seconds(60));
      for (const { length } of peer.sent.splice(0)) {
        expect(length).toBe(1);
        probes += 1;
        peer.send({ flags: ".", seq: 1, ack: 1, window: 0 });
      }
    }
    expect(probes).toBeGreaterThan(15);
    expect(app.connection.state).toBe("ESTABLISHED");
    const data = peer.send({ flags: ".", seq: 1, ack: 1, window: 65_535 });
    expect(data.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThanOrEqual(2_920);
  });

  test("the peer shrinks its window (MUST-34): nothing new leaves, and what was sent is acknowledged as ever", () => {
    const { peer, app, write } = established({ mss: 1_000 }, 5_000);
    expect(write(8_000)).toHaveLength(5);
    peer.send({ flags: ".", seq: 1, ack: 1_001, window: 1_000 });
    expect(brief(peer.send({ flags: ".", seq: 1, ack: 5_001, window: 1_000 }))).toEqual([". 5001+1000 ack 1"]);
    expect(app.connection.state).toBe("ESTABLISHED");
  });
});

describe("closing", () => {
  test("active close: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT for 2 MSL (MUST-13)", () => {
    const { peer, app } = established();
    app.connection.end(peer.now);
    peer.stack.tcp.touch(app.connection);
    expect(brief(peer.take())).toEqual(["F. 1+0 ack 1"]);
    const states = [app.connection.state as string];
    peer.send({ flags: ".", seq: 1, ack: 2 });
    states.push(app.connection.state);
    expect(brief(peer.send({ flags: "F.", seq: 1, ack: 2 }))).toEqual([". 2+0 ack 2"]);
    states.push(app.connection.state);
    // A retransmitted FIN is acknowledged again.
    expect(brief(peer.send({ flags: "F.", seq: 1, ack: 2 }))).toEqual([". 2+0 ack 2"]);
    peer.run(seconds(61));
    states.push(app.connection.state);
    expect(states).toEqual(["FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSED"]);
    expect(peer.stack.tcp.size).toBe(0);
  });

  test("passive close with half-close: CLOSE-WAIT, data, LAST-ACK", () => {
    const { peer, app, write } = established();
    expect(brief(peer.send({ flags: "F.", seq: 1, ack: 1 }))).toEqual([". 1+0 ack 2"]);
    expect(app.connection.state).toBe("CLOSE-WAIT");
    expect(write("still here")[0]!.length).toBe(10);
    app.connection.end(peer.now);
    peer.stack.tcp.touch(app.connection);
    expect(app.connection.state).toBe("LAST-ACK");
    peer.take();
    peer.send({ flags: ".", seq: 2, ack: 12 });
    expect(app.connection.state).toBe("CLOSED");
  });

  test("simultaneous close: CLOSING", () => {
    const { peer, app } = established();
    app.connection.end(peer.now);
    peer.stack.tcp.touch(app.connection);
    peer.take();
    peer.send({ flags: "F.", seq: 1, ack: 1 });
    expect(app.connection.state).toBe("CLOSING");
    peer.send({ flags: ".", seq: 2, ack: 2 });
    expect(app.connection.state).toBe("TIME-WAIT");
  });

  test("SHLD-3: data for an application that has gone is answered with a reset", () => {
    const { peer, app } = established();
    app.connection.release(peer.now);
    peer.stack.tcp.touch(app.connection);
    peer.take();
    expect(peer.send({ flags: ".", seq: 1, ack: 2, data: "late" })[0]!.flags).toBe("R.");
  });

  test("MAY-2: a newer SYN ends TIME-WAIT", () => {
    const { peer, app } = established();
    app.connection.end(peer.now);
    peer.stack.tcp.touch(app.connection);
    peer.send({ flags: "F.", seq: 1, ack: 2 });
    expect(app.connection.state).toBe("TIME-WAIT");
    expect(peer.send({ flags: "S", seq: 50_000, options: { mss: 1_460 } })[0]!.flags).toBe("S.");
  });
});

describe("floods and malformed segments", () => {
  test("SYN flood: state is bounded by the backlog, and a cookie opens a connection", () => {
    const peer = new WirePeer();
    const listener = peer.apps.serve(80, sink, {}, 8);
    for (let i = 0; i < 1_000; i += 1) {
      (peer as { port: number }).port = 10_000 + i;
      peer.send({ flags: "S", options: { mss: 1_460 } });
    }
    expect(peer.stack.tcp.size).toBe(8);
    expect(listener.cookiesSent).toBe(992);
    (peer as { port: number }).port = 20_000;
    peer.open({ mss: 1_460 });
    expect(listener.cookiesAccepted).toBe(1);
    peer.send({ flags: "P.", seq: 1, ack: 1, data: "by cookie" });
    expect(new TextDecoder().decode(peer.apps.all[0]!.bytes())).toBe("by cookie");
    (peer as { port: number }).port = 20_001;
    expect(peer.send({ flags: ".", seq: 1, ack: 1 })[0]!.flags).toBe("R");
  });

  test("10,000 mutated segments leave one connection and no memory", () => {
    const { peer, app } = established({ mss: 1_460, sackPermitted: true });
    let state = 1;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % below;
    };
    for (let i = 0; i < 10_000; i += 1) {
      const letters = [..."S.PUEW"].filter(() => random(3) === 0).join("");
      peer.send({
        flags: letters,
        seq: random(200_000) - 100_000,
        ack: random(2_000) - 1_000,
        window: random(65_536),
        data: new Uint8Array(random(64)),
        urgent: random(65_536),
        options: random(2) === 0 ? {} : { sack: [random(2 ** 31), random(2 ** 31)] },
      });
    }
    expect(peer.stack.tcp.size).toBeLessThanOrEqual(1);
    expect(app.connection.receiver.edge - app.connection.receiver.next).toBeLessThanOrEqual(1024 * 1024 + 64);
  });
});

describe("resets with a reason (draft-ietf-tcpm-rst-diagnostic-payload)", () => {
  test.each(["binary", "cbor"] as const)("%s: sent with a refusal", (format) => {
    const peer = new WirePeer({ tcp: { resetDiagnostics: format } });
    const [reset] = peer.send({ flags: "S" });
    expect(reset).toMatchObject({ flags: "R.", length: format === "binary" ? 8 : 6 });
  });

  test("off by default", () => {
    expect(new WirePeer().send({ flags: "S" })[0]!.length).toBe(0);
  });

  test("the reason reaches the application, but only of a reset that counts", () => {
    const { peer, app } = established();
    const payload = Uint8Array.of(0x33, 0xaa, 0, 9, 0, 0, 0, 0);
    peer.send({ flags: "R", seq: 500, data: payload });
    expect(app.connection.state).toBe("ESTABLISHED");
    peer.send({ flags: "R", seq: 1, data: payload });
    expect(app.connection.closeReason).toEqual({ code: "ECONNRESET", reason: { code: 9, enterprise: 0 } });
    expect(app.received).toBe(0);
  });

  test("a malformed reason does not veto the reset", () => {
    const { peer, app } = established();
    peer.send({ flags: "R", seq: 1, data: Uint8Array.of(0x33, 0xaa, 0, 9) });
    expect(app.connection.closeReason).toEqual({ code: "ECONNRESET" });
    expect(peer.stack.tcp.counts["reset-payload-malformed"]).toBe(1);
  });
});
