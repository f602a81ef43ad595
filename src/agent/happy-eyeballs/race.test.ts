import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { SeededRng } from "../../base/rng.ts";
import { micros, millis } from "../../base/time.ts";
import { Race } from "./race.ts";
import type { RaceRules } from "./rules.ts";
import { at, HOST, NAME, NONE, rules, V4, V6, World } from "./testing/race-world.ts";

describe("version 2 (RFC 8305)", () => {
  const v2 = (some: Partial<RaceRules> = {}): World => new World({ version: 2, ...some });

  test("§3: AAAA is asked before A, and HTTPS not at all", () => {
    expect(v2().log).toEqual([`0 ask AAAA ${NAME}`, `0 ask A ${NAME}`]);
  });

  test("§5: IPv6 first, IPv4 after the delay; the first to connect ends the other", () => {
    const world = v2().a(20, V4).aaaa(45, V6, "2001:db8::2").connected(320, 1).at(2_000);
    expect(world.attempts).toEqual([`45 ${V6}`, `295 ${V4}`, "320 cancel 0"]);
    expect(world.race.outcome).toMatchObject({ type: "connected", endpoint: { address: V4 } });
    expect(world.race.nextTimeout()).toBeUndefined();
  });

  test("§3: A waits for AAAA no longer than the Resolution Delay", () => {
    expect(v2().a(20, V4).at(500).attempts).toEqual([`70 ${V4}`]);
    expect(v2().a(20, V4).aaaa(30).at(200).attempts).toEqual([`30 ${V4}`]);
    expect(v2().aaaa(20, V6).at(200).attempts).toEqual([`20 ${V6}`]);
  });

  test("§3: an AAAA that comes while attempts run joins the list", () => {
    expect(v2().a(20, V4, "192.0.2.2").aaaa(100, V6).at(900).attempts).toEqual([
      `70 ${V4}`,
      `320 ${V6}`,
      `570 192.0.2.2`,
    ]);
  });

  test("§5: a failure starts the next attempt at once, but not within 10 ms", () => {
    expect(v2().aaaa(0, V6).a(1, V4, "192.0.2.2").failed(50, 0).failed(52, 1).at(400).attempts).toEqual([
      `0 ${V6}`,
      `50 ${V4}`,
      `60 192.0.2.2`,
    ]);
  });

  test("a dead family on a link of 400 ms costs one attempt delay", () => {
    const world = v2().aaaa(0, V6).a(0, V4).connected(650, 1);
    expect(world.attempts).toEqual([`0 ${V6}`, `250 ${V4}`, "650 cancel 0"]);
  });

  test("§4: families alternate; First Address Family Count 2 favours the first", () => {
    const six = [1, 2, 3].map((i) => `2001:db8::${i}`);
    const four = ["192.0.2.1", "192.0.2.2"];
    const order = (preferredCount: number): string[] =>
      v2({ preferredCount })
        .aaaa(0, ...six)
        .a(0, ...four)
        .at(5_000)
        .attempts.map((line) => line.split(" ")[1]!);
    expect(order(1)).toEqual([six[0], four[0], six[1], four[1], six[2]]);
    expect(order(2)).toEqual([six[0], six[1], four[0], six[2], four[1]]);
  });

  test("§7.1: without IPv4, the A records of a host without AAAA are asked for after two seconds, and synthesized", () => {
    const world = v2({ families: { ipv4: false, ipv6: true } });
    world.at(5, (race, now) => race.handleAddresses("AAAA", "ipv4only.arpa.", ["64:ff9b::c000:aa"], now)).aaaa(10);
    expect(world.race.outcome).toBeUndefined();
    world.at(2_000).a(2_010, V4);
    expect(world.log.slice(2)).toEqual([`2000 ask A ${NAME}`, `2010 64:ff9b::c000:201`]);
  });
});

describe("version 3 (draft-ietf-happy-happyeyeballs-v3)", () => {
  test("§4: HTTPS is asked first, at the port's name", () => {
    expect(new World().log).toEqual([`0 ask HTTPS ${NAME}`, `0 ask AAAA ${NAME}`, `0 ask A ${NAME}`]);
    expect(new World({ port: 8443 }).log[0]).toBe("0 ask HTTPS _8443._https.www.test.");
    expect(new World({ families: { ipv4: true, ipv6: false } }).questions).toHaveLength(2);
  });

  test("§4.2: addresses wait for the preferred family and for HTTPS, no longer than the Resolution Delay", () => {
    expect(new World().aaaa(10, V6).a(10, V4).at(200).attempts).toEqual([`60 ${V6}`]);
    expect(new World().aaaa(10, V6).services(30, NONE).at(200).attempts).toEqual([`30 ${V6}`]);
    expect(new World().services(5, NONE).a(10, V4).at(200).attempts).toEqual([`60 ${V4}`]);
    expect(new World().services(5, NONE).aaaa(7).a(10, V4).at(200).attempts).toEqual([`10 ${V4}`]);
  });

  test("§4.2: hints stand in for addresses until those arrive", () => {
    const world = new World({ transports: ["quic", "tcp"] });
    world.records(10, `1 . alpn=h3 ipv6hint=2001:db8::99 ipv4hint=192.0.2.99`).at(61).aaaa(70, V6).a(70, V4);
    world.at(320);
    expect(world.attempts).toEqual([`10 quic 2001:db8::99`, `260 quic ${V6}`, `260 ${V6}`]);
    // A hint of the other family waits for the preferred one.
    const four = new World({ transports: ["quic", "tcp"] });
    expect(four.records(10, `1 . alpn=h3 ipv4hint=192.0.2.99`).at(61).attempts).toEqual([`60 quic 192.0.2.99`]);
  });

  test("§5: QUIC first, TCP after its head start; in each, priorities and then addresses", () => {
    const world = new World({ transports: ["quic", "tcp"] });
    world.aaaa(0, V6).a(0, V4).records(0, "2 . alpn=h2 port=8443", "1 . alpn=h3,h2").at(3_000);
    expect(world.attempts).toEqual([
      `0 quic ${V6}`,
      `250 quic ${V4}`,
      `250 ${V6}`,
      `500 ${V4}`,
      `750 ${V6} port 8443`,
      `1000 ${V4} port 8443`,
    ]);
  });

  test("a record without h3 keeps QUIC from being tried, and one with h3 alone leaves the origin over TCP as a way out", () => {
    const both = { transports: ["quic", "tcp"] } as const;
    expect(new World(both).aaaa(0, V6).a(0).records(0, "1 . alpn=h2").at(2_000).attempts).toEqual([`0 ${V6}`]);
    expect(
      new World(both).aaaa(0, V6).a(0).records(0, "1 . alpn=h3 no-default-alpn port=8443").at(2_000).attempts,
    ).toEqual([`0 quic ${V6} port 8443`, `250 quic ${V6}`, `250 ${V6}`]);
  });

  test("RFC 9460 §3: the target of a record is looked up; its addresses are used with the record's port", () => {
    const world = new World();
    world.aaaa(0).a(0, V4).records(10, "1 cdn.test. alpn=h2 port=444");
    expect(world.questions.slice(3)).toEqual(["10 ask AAAA cdn.test.", "10 ask A cdn.test."]);
    world.at(20, (race, now) => race.handleAddresses("AAAA", "cdn.test.", ["2001:db8::c"], now)).at(500);
    expect(world.attempts).toEqual(["20 2001:db8::c port 444", `270 ${V4}`]);
  });

  test("RFC 9460 §3: aliases are followed, in bounds, and their target's addresses come before the origin's", () => {
    const world = new World().aaaa(0).a(0, V4).services(10, { kind: "alias", target: "cdn.test." });
    expect(world.questions.slice(3)).toEqual(["10 ask HTTPS cdn.test.", "10 ask AAAA cdn.test.", "10 ask A cdn.test."]);
    world.services(20, NONE, "cdn.test.");
    world.at(25, (race, now) => race.handleAddresses("AAAA", "cdn.test.", ["2001:db8::c"], now)).at(400);
    expect(world.attempts).toEqual(["25 2001:db8::c", `275 ${V4}`]);
    const looping = new World().aaaa(0).a(0, V4).services(1, { kind: "alias", target: "b.test." });
    looping.services(2, { kind: "alias", target: "b.test." }, "b.test.").at(100);
    expect(looping.attempts).toEqual([`2 ${V4}`]);
    const long = new World().a(0, V4).aaaa(0);
    for (let i = 0; i < 20; i += 1) long.services(i, { kind: "alias", target: `a${i}.test.` });
    expect(long.questions.filter((line) => line.includes("HTTPS"))).toHaveLength(9);
    expect(long.at(30).attempts).toEqual([`8 ${V4}`]);
  });

  test("§6: a transport that is established gets time for its handshake", () => {
    const world = new World().services(0, NONE).aaaa(0, V6).a(0, V4);
    world.at(200, (race, now) => race.handleProgress(0, now)).at(399);
    expect(world.attempts).toEqual([`0 ${V6}`]);
    expect(world.at(400).attempts).toEqual([`0 ${V6}`, `400 ${V4}`]);
    const short = new World().services(0, NONE).aaaa(0, V6).a(0, V4);
    short.at(20, (race, now) => race.handleProgress(0, now)).at(251);
    expect(short.attempts[1]).toBe(`250 ${V4}`);
  });

  test("protected DNS: without an answer for HTTPS there is no connection; otherwise there is", () => {
    const fail = (isDnsProtected: boolean): World =>
      new World({ isDnsProtected })
        .aaaa(0, V6)
        .a(0)
        .at(10, (race, now) => race.handleServiceFailure(NAME, "SERVFAIL", now));
    expect(fail(true).race.outcome).toMatchObject({ type: "failed", why: expect.stringContaining("SERVFAIL") });
    expect(fail(true).attempts).toEqual(["10 end queries"]);
    expect(fail(false).attempts).toEqual([`10 ${V6}`]);
  });

  test("§7: where there is no IPv4, NAT64 is discovered, A is asked for, and addresses are synthesized", () => {
    const world = new World({ families: { ipv4: false, ipv6: true } });
    expect(world.questions.at(-1)).toBe("0 ask AAAA ipv4only.arpa.");
    world.services(1, NONE).aaaa(2);
    world.at(5, (race, now) => race.handleAddresses("AAAA", "ipv4only.arpa.", ["2001:db8:64::192.0.0.170"], now));
    expect(world.questions.at(-1)).toBe(`5 ask A ${NAME}`);
    expect(world.a(9, V4).attempts).toEqual(["9 2001:db8:64::c000:201"]);
    const literal = new World({ families: { ipv4: false, ipv6: true }, host: "198.51.100.7" });
    literal.at(5, (race, now) => race.handleAddresses("AAAA", "ipv4only.arpa.", ["64:ff9b::192.0.0.171"], now));
    expect(literal.attempts).toEqual(["5 64:ff9b::c633:6407"]);
  });
});

describe("outcomes", () => {
  test("a literal is tried without DNS", () => {
    expect(new World({ host: V4 }).log).toEqual([`0 ${V4}`]);
    expect(new World({ host: "::1" }).log).toEqual(["0 ::1"]);
  });

  test("no address in either family fails at once", () => {
    const world = new World().services(1, NONE).aaaa(5).a(7);
    expect(world.race.outcome).toMatchObject({ type: "failed", attempts: [], why: expect.stringContaining(HOST) });
  });

  test("if all fail, the error lists every attempt; while an answer is outstanding, it is waited for", () => {
    const world = new World().services(0, NONE).aaaa(0, V6).failed(30, 0).at(200);
    expect(world.race.outcome).toBeUndefined();
    world.a(300, V4).failed(400, 1);
    expect(world.attempts).toEqual([`0 ${V6}`, `300 ${V4}`, "400 end queries"]);
    expect(world.race.outcome).toMatchObject({
      type: "failed",
      why: "all 2 attempts failed",
      error: { message: "refused 0" },
      attempts: [
        { endpoint: { address: V6 }, started: at(0), ended: at(30), error: { message: "refused 0" } },
        { endpoint: { address: V4 }, started: at(300), ended: at(400), error: { message: "refused 1" } },
      ],
    });
  });

  test("a final error ends the race", () => {
    const world = new World().services(0, NONE).aaaa(0, V6).a(0, V4).at(260).failed(270, 1, true);
    expect(world.attempts).toEqual([`0 ${V6}`, `250 ${V4}`, "270 cancel 0", "270 end queries"]);
    expect(world.race.outcome).toMatchObject({ type: "failed", error: { message: "refused 1" } });
  });

  test("late answers are welcome for a second, and the caller's abort ends everything", () => {
    const world = new World().services(0, NONE).aaaa(0, V6).connected(10, 0).at(5_000);
    expect(world.attempts).toEqual([`0 ${V6}`, "1010 end queries"]);
    const aborted = new World()
      .aaaa(0, V6)
      .at(60)
      .at(70, (race, now) => race.abort(now))
      .a(80, V4)
      .at(5_000);
    expect(aborted.attempts).toEqual([`50 ${V6}`, "70 cancel 0", "70 end queries"]);
    expect([aborted.race.outcome, aborted.race.nextTimeout()]).toEqual([{ type: "aborted" }, undefined]);
  });

  test("the trace says why each attempt began and ended, and what chose the winner", () => {
    const world = new World()
      .services(0, NONE)
      .aaaa(0, V6)
      .a(0, V4, "192.0.2.2")
      .at(250)
      .failed(300, 1)
      .connected(320, 2);
    const told = world.trace.filter(({ type }) => type !== "race:query_sent" && type !== "race:answer");
    expect(told.map((event) => [event.type, "why" in event ? event.why : undefined])).toEqual([
      ["race:endpoints", undefined],
      ["race:attempt_started", "first"],
      ["race:endpoints", undefined],
      ["race:attempt_started", "delay"],
      ["race:attempt_ended", "refused 1"],
      ["race:attempt_started", "failure"],
      ["race:attempt_ended", "after 20 ms"],
      ["race:attempt_ended", "another attempt has connected"],
      ["race:ended", "IPv4 over TCP was the first of 3 to connect"],
    ]);
  });

  test("impossible delays are refused, small ones raised to 10 ms", () => {
    expect(() => new Race(rules({ attemptDelay: micros(Number.NaN) }))).toThrow(RangeError);
    expect(() => new Race(rules({ resolutionDelay: millis(-1) }))).toThrow(RangeError);
    const world = new World({ attemptDelay: millis(1) }).services(0, NONE).aaaa(0, V6).a(0, V4).at(50);
    expect(world.attempts).toEqual([`0 ${V6}`, `10 ${V4}`]);
  });
});

test("1,000 changes of the network, each while a race is under way, leave no attempt and no timer", () => {
  const rng = new SeededRng(1000);
  for (let i = 0; i < 1_000; i += 1) {
    const world = new World({ transports: ["quic", "tcp"], families: { ipv4: rng.uint32() % 4 > 0, ipv6: true } });
    if (rng.uint32() % 2 > 0) world.aaaa(rng.uint32() % 100, V6);
    if (rng.uint32() % 2 > 0) world.a(100 + (rng.uint32() % 100), V4, "192.0.2.2");
    if (rng.uint32() % 2 > 0) world.services(200, NONE);
    world.at(200 + (rng.uint32() % 2_000), (race, now) => race.abort(now));
    // Answers and outcomes that come too late.
    world.a(2_300, V4).aaaa(2_301, V6).failed(2_302, 0).connected(2_303, 1);
    expect([world.open.size, world.race.nextTimeout(), world.race.outcome]).toEqual([
      0,
      undefined,
      { type: "aborted" },
    ]);
  }
});

test("property: whatever happens, one outcome, no attempt twice, none over the same transport within 10 ms, and nothing is left over", () => {
  const step = fc.record({
    what: fc.constantFrom(
      "A",
      "AAAA",
      "no A",
      "no AAAA",
      "services",
      "none",
      "alias",
      "fail",
      "connect",
      "progress",
      "time",
      "abort",
    ),
    wait: fc.nat({ max: 400 }),
    which: fc.nat({ max: 9 }),
  });
  const world = fc.record({
    version: fc.constantFrom(2 as const, 3 as const),
    ipv4: fc.boolean(),
    steps: fc.array(step, { maxLength: 40 }),
  });
  fc.assert(
    fc.property(world, ({ version, ipv4, steps }) => {
      const race = new World({ version, families: { ipv4, ipv6: true }, transports: ["quic", "tcp"] });
      let now = 0;
      for (const { what, wait, which } of steps) {
        now += wait;
        const attempt = [...race.open][which % Math.max(1, race.open.size)] ?? 99;
        if (what === "A") race.a(now, `192.0.2.${which}`, V4);
        else if (what === "AAAA") race.aaaa(now, `2001:db8::${which}`, V6);
        else if (what === "no A") race.a(now);
        else if (what === "no AAAA") race.aaaa(now);
        else if (what === "services")
          race.records(now, `${which + 1} x${which}.test. alpn=h3 ipv4hint=192.0.2.9`, "3 . alpn=h2");
        else if (what === "none") race.services(now, NONE);
        else if (what === "alias") race.services(now, { kind: "alias", target: `x${which}.test.` });
        else if (what === "fail") race.failed(now, attempt);
        else if (what === "connect") race.connected(now, attempt);
        else if (what === "progress") race.at(now, (each, time) => each.handleProgress(attempt, time));
        else if (what === "abort") race.at(now, (each, time) => each.abort(time));
        else race.at(now);
        if (what === "fail" || what === "connect") race.open.delete(attempt);
        if (race.race.outcome !== undefined) expect(race.open.size).toBe(0);
      }
      const starts = race.trace.filter((event) => event.type === "race:attempt_started");
      const keys = starts.map(({ endpoint: { address, port, transport } }) => `${transport} ${address} ${port}`);
      expect(new Set(keys).size).toBe(keys.length);
      for (const isQuic of [true, false]) {
        const times = race.attempts
          .filter((line) => !/cancel|end/.test(line) && line.includes("quic") === isQuic)
          .map((line) => Number(line.split(" ")[0]));
        for (const [i, time] of times.entries()) if (i > 0) expect(time - times[i - 1]!).toBeGreaterThanOrEqual(10);
      }
      // Aborted at the end, the race leaves no timer and no attempt.
      race.at(now + 10_000, (each, time) => each.abort(time)).at(now + 20_000);
      expect([race.open.size, race.race.nextTimeout()]).toEqual([0, undefined]);
      expect(race.race.outcome).toBeDefined();
    }),
    { numRuns: runs(1_000) },
  );
});
