import { describe, expect, test } from "vitest";
import type { Micros } from "../../base/time.ts";
import type { RaceRules } from "./rules.ts";
import { NONE, V4, V6, World } from "./testing/race-world.ts";

describe("over two transports", () => {
  const both = (some: Partial<RaceRules> = {}): World =>
    new World({ transports: ["quic", "tcp"], usesRecords: false, ...some });
  const many = [1, 2, 3, 4].map((i) => `2001:db8::${i}`);

  test("blocked UDP costs one head start, however many addresses there are", () => {
    const world = both()
      .aaaa(0, ...many)
      .a(0, V4)
      .connected(450, 2);
    expect(world.attempts).toEqual(
      [`0 quic ${V6}`, `250 quic ${V4}`, `250 ${V6}`, "450 cancel 0", "450 cancel 1", "450 end queries"].slice(0, 5),
    );
  });

  test("TCP does not wait where QUIC has nothing left to try", () => {
    expect(both().aaaa(0, V6).a(0).failed(30, 0).at(40).attempts).toEqual([`0 quic ${V6}`, `30 ${V6}`]);
  });

  test("an endless head start leaves TCP to the failure of all over QUIC", () => {
    const world = both({ headStart: Number.POSITIVE_INFINITY as Micros })
      .aaaa(0, V6)
      .a(0, V4)
      .at(60_000);
    expect([world.attempts, world.race.nextTimeout()]).toEqual([[`0 quic ${V6}`, `250 quic ${V4}`], undefined]);
    world.failed(60_001, 0).failed(60_002, 1);
    expect(world.attempts.slice(2)).toEqual([`60002 ${V6}`]);
  });

  test("QUIC's progress holds TCP back too", () => {
    const world = both()
      .aaaa(0, V6)
      .a(0)
      .at(200, (race, now) => race.handleProgress(0, now))
      .at(399);
    expect(world.attempts).toEqual([`0 quic ${V6}`]);
    expect(world.at(400).attempts.slice(1)).toEqual([`400 ${V6}`]);
  });

  test("attempts over QUIC may go on when TCP was faster; the first to connect ends the others", () => {
    const late = (): World => both({ keepsPreferred: true }).aaaa(0, V6).a(0, V4).connected(300, 2);
    const world = late();
    expect([world.open, world.race.isOver("quic")]).toEqual([new Set([0, 1, 2]), false]);
    world.connected(900, 1);
    expect([world.attempts.slice(3), world.race.isOver("quic")]).toEqual([["900 cancel 0"], true]);
    expect(world.race.outcome).toMatchObject({ attempt: 2 });
    const failing = late().failed(400, 0).failed(500, 1);
    expect([failing.race.isOver("quic"), failing.race.failures.length]).toEqual([true, 2]);
    const aborted = late().at(400, (race, now) => race.abort(now));
    expect(aborted.attempts.slice(3)).toEqual(["400 cancel 0", "400 cancel 1"]);
  });

  test("an alternative service is the place for QUIC, at its own name, unless records deny it", () => {
    const alternative = { host: "alt.test", port: 8443, quicv: [] };
    const world = both({ alternative });
    expect(world.questions.slice(2)).toEqual(["0 ask AAAA alt.test.", "0 ask A alt.test."]);
    world.aaaa(0, V6).a(0);
    world.at(0, (race, now) => race.handleAddresses("AAAA", "alt.test.", ["2001:db8::a"], now)).at(250);
    expect(world.attempts).toEqual([`0 quic 2001:db8::a port 8443`, `250 ${V6}`]);
    const own = { usesRecords: true, alternative: { ...alternative, host: "" } };
    expect(both(own).aaaa(0, V6).a(0).records(0, "1 . alpn=h2").at(900).attempts).toEqual([`0 ${V6}`]);
    expect(both(own).aaaa(0, V6).a(0).services(0, NONE).at(100).attempts).toEqual([`0 quic ${V6} port 8443`]);
    const literal = both({ alternative: { ...alternative, host: "192.0.2.9" } })
      .aaaa(0, V6)
      .a(0);
    expect(literal.at(10).attempts).toEqual(["0 quic 192.0.2.9 port 8443"]);
  });
});
