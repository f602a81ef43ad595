import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { SeededRng } from "../../base/rng.ts";
import { type Instant, instant, millis, seconds } from "../../base/time.ts";
import { fromHex } from "../../wire/hex.ts";
import { emitMessage, type Message, parseMessage, parseRecord, RCODES } from "../index.ts";
import type { DnsTraceEvent } from "./events.ts";
import { MessageStream, withLength } from "./message-stream.ts";
import { parseHosts, parseResolvConf, searchList } from "./resolv-conf.ts";
import type { DnsServer } from "./server.ts";
import { type Answer, type ResolverCommand, type ResolverOptions, StubResolver } from "./stub-resolver.ts";

const A = 1;
const at = (milliseconds: number): Instant => instant(millis(milliseconds));
const server = (last: number): DnsServer => ({ protocol: "udp", address: `192.0.2.${last}`, port: 53 });

type Exchange = Extract<ResolverCommand, { type: "exchange" }>;

/** A resolver, with the exchanges that it has open. */
class World {
  readonly resolver: StubResolver;
  readonly open = new Map<number, Exchange>();
  readonly sent: Exchange[] = [];
  readonly answers: Answer[] = [];
  readonly trace: DnsTraceEvent[] = [];

  constructor(options: Partial<ResolverOptions> = {}) {
    this.resolver = new StubResolver({
      servers: [server(1)],
      rng: new SeededRng(1),
      trace: (event) => void this.trace.push(event),
      ...options,
    });
  }

  ask(name: string, now = at(0), type = A): number {
    const handle = this.resolver.ask(name, type, now);
    this.run();
    return handle;
  }

  run(): void {
    for (let next = this.resolver.pollCommand(); next !== undefined; next = this.resolver.pollCommand()) {
      if (next.type === "close") this.open.delete(next.exchange);
      else {
        this.open.set(next.exchange, next);
        this.sent.push(next);
      }
    }
    for (let next = this.resolver.pollEvent(); next !== undefined; next = this.resolver.pollEvent()) {
      this.answers.push(next.answer);
    }
  }

  /** Answers the exchange, by default the last one. */
  respond(some: Partial<Message>, now: Instant, to = this.sent.at(-1)!): void {
    const query = parseMessage(to.message);
    this.deliver(emitMessage({ ...query, isResponse: true, ...some }), now, to);
  }

  deliver(bytes: Uint8Array, now: Instant, to = this.sent.at(-1)!): void {
    this.resolver.handleResponse(to.exchange, bytes, now);
    this.run();
  }

  /** Lets the time pass up to an instant. */
  pass(until: Instant): void {
    for (let next = this.resolver.nextTimeout(); next !== undefined && next <= until; ) {
      this.resolver.handleTimeout(next);
      this.run();
      next = this.resolver.nextTimeout();
    }
  }
}

const answer = parseRecord("a.test. 300 A 192.0.2.80");
const soa = parseRecord("test. 600 SOA ns.test. admin.test. 1 2 3 4 60");
let world: World;
beforeEach(() => {
  world = new World();
});

describe("an answer", () => {
  test("is remembered for its time to live, which runs down", () => {
    world.ask("a.test.");
    world.respond({ answers: [answer] }, at(20));
    expect(world.answers).toEqual([{ kind: "records", name: "a.test.", records: [answer], from: "network" }]);
    expect(world.open.size).toBe(0);
    expect(world.resolver.nextTimeout()).toBeUndefined();
    world.ask("A.TEST.", at(100_020));
    expect(world.answers[1]).toEqual({
      kind: "records",
      name: "a.test.",
      records: [{ ...answer, ttl: 200 }],
      from: "cache",
    });
    world.ask("a.test.", at(300_020));
    expect(world.sent).toHaveLength(2);
  });

  test("serves all who asked the same question meanwhile", () => {
    world.ask("a.test.");
    world.ask("A.test.", at(5));
    expect(world.sent).toHaveLength(1);
    world.respond({ answers: [answer] }, at(20));
    expect(world.answers).toHaveLength(2);
  });

  test("RFC 2308: its absence is remembered for the SOA's minimum, and not at all without an SOA", () => {
    world.ask("a.test.");
    world.respond({ rcode: RCODES.NXDOMAIN, authorities: [soa] }, at(0));
    world.ask("a.test.", at(59_000));
    expect(world.answers).toEqual([
      { kind: "none", why: "no-name", from: "network" },
      { kind: "none", why: "no-name", from: "cache" },
    ]);
    world.ask("a.test.", at(60_001));
    world.respond({}, at(60_010));
    world.ask("a.test.", at(60_020));
    expect(world.sent).toHaveLength(3);
    expect(world.answers[2]).toEqual({ kind: "none", why: "no-data", from: "network" });
  });

  test("follows aliases within and between messages", () => {
    world.ask("www.test.");
    world.respond({ answers: [parseRecord("www.test. 60 CNAME a.test."), answer] }, at(1));
    expect(world.answers[0]).toMatchObject({ kind: "records", name: "a.test.", records: [answer] });
    world.ask("x.test.", at(2));
    world.respond({ answers: [parseRecord("x.test. 60 CNAME b.test.")] }, at(3));
    expect(parseMessage(world.sent.at(-1)!.message).questions[0]!.name.toLowerCase()).toBe("b.test.");
    world.respond({ answers: [{ ...answer, name: "b.test." }] }, at(4));
    expect(world.answers[1]).toMatchObject({ kind: "records", name: "b.test." });
    // The alias's time to live limits the answer's.
    world.ask("x.test.", at(60_005));
    expect(world.sent).toHaveLength(4);
  });

  test("RFC 8767: an expired one serves if no server responds", () => {
    world.ask("a.test.");
    world.respond({ answers: [answer] }, at(0));
    world.ask("a.test.", at(400_000));
    world.pass(at(500_000));
    expect(world.answers[1]).toEqual({
      kind: "records",
      name: "a.test.",
      records: [{ ...answer, ttl: 30 }],
      from: "stale",
    });
  });
});

describe("servers that do not answer", () => {
  test("are asked in turn, for longer each round; a late answer of the first one counts", () => {
    world = new World({ servers: [server(1), server(2)] });
    world.ask("a.test.");
    world.pass(at(2_500));
    expect(world.sent.map((each) => each.server.address)).toEqual(["192.0.2.1", "192.0.2.2", "192.0.2.1"]);
    expect(world.resolver.nextTimeout()).toBe(at(4_000));
    world.respond({ answers: [answer] }, at(3_000), world.sent[0]);
    expect(world.answers).toMatchObject([{ kind: "records" }]);
    expect(world.open.size).toBe(0);
  });

  test("fail the question in the end, and the failures say why", () => {
    world = new World({ servers: [server(1), server(2)] });
    world.ask("a.test.");
    world.respond({ rcode: RCODES.SERVFAIL }, at(10));
    world.resolver.handleFailure(world.sent[1]!.exchange, "ECONNREFUSED", at(11));
    world.run();
    expect(world.sent).toHaveLength(3);
    world.respond({ rcode: RCODES.REFUSED }, at(12));
    world.pass(at(10_000));
    expect(world.answers).toEqual([
      {
        kind: "failed",
        failures: [
          "192.0.2.1 port 53 over UDP: SERVFAIL",
          "192.0.2.2 port 53 over UDP: ECONNREFUSED",
          "192.0.2.1 port 53 over UDP: REFUSED",
          "192.0.2.2 port 53 over UDP: no answer",
        ],
      },
    ]);
    expect([world.resolver.pending, world.open.size]).toEqual([0, 0]);
  });

  test("a refusal of the last one leaves the others their time", () => {
    world = new World({ servers: [server(1), server(2)] });
    world.ask("a.test.");
    world.pass(at(1_000));
    world.respond({ rcode: RCODES.SERVFAIL }, at(1_001), world.sent[0]);
    world.respond({ rcode: RCODES.SERVFAIL }, at(1_002), world.sent[1]);
    world.respond({ rcode: RCODES.SERVFAIL }, at(1_003), world.sent[3]);
    expect([world.sent.length, world.answers.length, world.open.size]).toEqual([4, 0, 1]);
    expect(world.resolver.nextTimeout()).toBe(at(3_001));
    world.respond({ answers: [answer] }, at(2_000), world.sent[2]);
    expect(world.answers).toMatchObject([{ kind: "records" }]);
  });
});

describe("fallbacks", () => {
  test("a truncated answer is fetched over TCP", () => {
    world.ask("a.test.");
    world.respond({ isTruncated: true }, at(1));
    expect(world.sent.map(({ over }) => over)).toEqual(["udp", "tcp"]);
    world.respond({ answers: [answer] }, at(2));
    expect(world.answers).toMatchObject([{ kind: "records" }]);
  });

  test("RFC 6891 §7: a server without EDNS is asked without it", () => {
    world.ask("a.test.");
    world.respond({ rcode: RCODES.FORMERR, questions: [], edns: undefined }, at(1));
    expect(parseMessage(world.sent[1]!.message).edns).toBeUndefined();
    world.respond({ answers: [answer] }, at(2));
    expect(world.answers).toMatchObject([{ kind: "records" }]);
  });

  test("a server that changes the case of letters is asked over TCP", () => {
    world.ask("abcdefghij.test.");
    const [question] = parseMessage(world.sent[0]!.message).questions;
    expect(question!.name).not.toBe("abcdefghij.test.");
    world.respond({ questions: [{ ...question!, name: "abcdefghij.test." }] }, at(1));
    expect(world.sent[1]).toMatchObject({ over: "tcp" });
  });

  test("a server that truncates over TCP too, or that never stops failing, is given up", () => {
    world.ask("a.test.");
    for (let i = 0; i < 100 && world.answers.length === 0; i += 1) {
      world.respond({ rcode: RCODES.FORMERR, questions: [] }, at(i));
    }
    expect(world.answers).toMatchObject([{ kind: "failed" }]);
  });
});

describe("poisoning: a message is ignored, and the question goes on, for", () => {
  const query = (): Message => parseMessage(world.sent[0]!.message);
  test.each<[string, () => Partial<Message>]>([
    ["another id", () => ({ id: query().id ^ 1 })],
    ["a query", () => ({ isResponse: false })],
    ["another opcode", () => ({ opcode: 4 })],
    ["no question", () => ({ questions: [] })],
    ["another name", () => ({ questions: [{ ...query().questions[0]!, name: "b.test." }] })],
    ["another type", () => ({ questions: [{ ...query().questions[0]!, type: 28 }] })],
    ["another class", () => ({ questions: [{ ...query().questions[0]!, class: 3 }] })],
    ["two questions", () => ({ questions: [query().questions[0]!, query().questions[0]!] })],
  ])("%s", (_what, change) => {
    world.ask("a.test.");
    world.respond({ answers: [answer], ...change() }, at(1));
    expect(world.answers).toEqual([]);
    expect(world.trace.at(-1)).toMatchObject({ type: "dns:response_ignored" });
    world.respond({ answers: [answer] }, at(2));
    expect(world.answers).toMatchObject([{ kind: "records" }]);
    // A second answer to the same query comes too late.
    world.respond({ answers: [{ ...answer, ttl: 9 }] }, at(3));
    expect(world.answers).toHaveLength(1);
  });

  test("garbage", () => {
    world.ask("a.test.");
    world.deliver(fromHex("00"), at(1));
    world.deliver(new Uint8Array(0), at(1));
    expect([world.answers, world.open.size]).toEqual([[], 1]);
  });

  test("records of other names: they are neither used nor remembered", () => {
    world.ask("a.test.");
    const foreign = parseRecord("bank.example. 86400 A 203.0.113.66");
    world.respond({ answers: [answer, foreign], additionals: [foreign], authorities: [foreign] }, at(1));
    expect(world.answers).toMatchObject([{ kind: "records", records: [answer] }]);
    world.ask("bank.example.", at(2));
    expect(world.sent).toHaveLength(2);
  });
});

test("answers do not repeat the random case of the query", () => {
  world.ask("www.abcdefghij.test.", at(0), 15);
  const [question] = parseMessage(world.sent[0]!.message).questions;
  expect(question!.name).not.toBe("www.abcdefghij.test.");
  const exchange = question!.name.replace(/^www/i, "mail");
  const record = { ...answer, name: question!.name, type: 15, data: { type: "MX", preference: 1, exchange } as const };
  world.respond({ answers: [record] }, at(1));
  expect(world.answers).toMatchObject([
    { records: [{ name: "www.abcdefghij.test.", data: { exchange: "mail.abcdefghij.test." } }] },
  ]);
});

describe("limits", () => {
  test("aliases in a loop, and chains that are too long", () => {
    world.ask("a.test.");
    world.respond({ answers: [parseRecord("a.test. CNAME b.test."), parseRecord("b.test. CNAME a.test.")] }, at(1));
    world.respond({ answers: [parseRecord("a.test. CNAME a.test.")] }, at(2));
    expect(world.answers).toMatchObject([{ kind: "failed" }]);
    world.ask("c0.test.", at(10));
    for (let i = 0; i < 100 && world.answers.length === 1; i += 1) {
      world.respond({ answers: [parseRecord(`c${i}.test. 9 CNAME c${i + 1}.test.`)] }, at(11 + i));
    }
    expect(world.answers[1]).toMatchObject({ kind: "failed" });
    expect(world.sent.length).toBeLessThan(20);
  });

  test("an answer of thousands of records is passed on once, not kept", () => {
    world.ask("a.test.");
    const answers = Array.from({ length: 3_000 }, (_, i) => ({
      ...answer,
      data: { type: "A", address: `10.0.${i >> 8}.${i & 255}` } as const,
    }));
    world.respond({ answers }, at(1));
    expect(world.answers[0]).toMatchObject({ kind: "records", records: { length: 3_000 } });
    world.ask("a.test.", at(2));
    expect(world.sent).toHaveLength(2);
  });

  test("the number of questions in progress, and of answers kept", () => {
    for (let i = 0; i < 1_001; i += 1) world.ask(`n${i}.test.`);
    expect(world.resolver.pending).toBe(1_000);
    expect(world.answers).toMatchObject([{ kind: "failed" }]);
  });

  test("a question that nobody waits for any more is dropped", () => {
    const [first, second] = [world.ask("a.test."), world.ask("a.test.")];
    world.resolver.cancel(first);
    world.run();
    expect(world.open.size).toBe(1);
    world.resolver.cancel(second);
    world.run();
    expect([world.open.size, world.resolver.pending, world.resolver.nextTimeout()]).toEqual([0, 0, undefined]);
  });
});

test("ids and the case of letters are random", () => {
  const ids = new Set<number>();
  const names = new Set<string>();
  for (let i = 0; i < 50; i += 1) {
    world = new World({ rng: new SeededRng(i) });
    world.ask("abcdefghijklmnop.test.");
    const { id, questions } = parseMessage(world.sent[0]!.message);
    ids.add(id);
    names.add(questions[0]!.name);
  }
  expect([ids.size, names.size]).toEqual([50, 50]);
});

test("property: every question is answered once, whatever servers do, and nothing is left over", () => {
  const step = fc.record({
    what: fc.constantFrom(
      "answer",
      "servfail",
      "refuse",
      "truncate",
      "garbage",
      "alias",
      "time",
      "other id",
      "formerr",
    ),
    which: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 3 }), (steps, count) => {
      const all = new World({ servers: Array.from({ length: count }, (_, i) => server(i)) });
      let now = at(0);
      all.ask("a.test.", now);
      for (const { what, which } of steps) {
        const to = [...all.open.values()][which % Math.max(1, all.open.size)];
        if (to === undefined) break;
        now = instant(now + millis(10));
        const { name } = parseMessage(to.message).questions[0]!;
        if (what === "answer") all.respond({ answers: [{ ...answer, name }] }, now, to);
        else if (what === "servfail") all.respond({ rcode: RCODES.SERVFAIL }, now, to);
        else if (what === "formerr") all.respond({ rcode: RCODES.FORMERR, questions: [] }, now, to);
        else if (what === "truncate") all.respond({ isTruncated: true }, now, to);
        else if (what === "other id") all.respond({ id: parseMessage(to.message).id ^ 5 }, now, to);
        else if (what === "alias") all.respond({ answers: [parseRecord(`${name} 9 CNAME x${which}.test.`)] }, now, to);
        else if (what === "garbage") all.deliver(Uint8Array.of(1, 2, 3), now, to);
        else if (what === "refuse") {
          all.resolver.handleFailure(to.exchange, "ECONNREFUSED", now);
          all.run();
        } else all.pass((now = instant(now + seconds(1))));
        expect(all.open.size).toBeLessThan(20);
      }
      all.pass(instant(now + seconds(60)));
      expect(all.answers).toHaveLength(1);
      expect([all.open.size, all.resolver.pending, all.resolver.nextTimeout()]).toEqual([0, 0, undefined]);
    }),
    { numRuns: runs(1_000) },
  );
});

test("property: messages on a stream, cut anywhere", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 8 }),
      fc.array(fc.nat({ max: 900 })),
      (all, cuts) => {
        const bytes = Uint8Array.from(all.flatMap((each) => [...withLength(each)]));
        const stream = new MessageStream();
        const found: Uint8Array[] = [];
        let from = 0;
        for (const length of cuts) found.push(...stream.push(bytes.subarray(from, (from += length))));
        found.push(...stream.push(bytes.subarray(from)));
        expect(found).toEqual(all);
        expect(stream.isAtBoundary).toBe(true);
      },
    ),
  );
});

describe("the system's configuration", () => {
  test("resolv.conf", () => {
    const text =
      "# a comment\nnameserver 192.0.2.53\nnameserver fe80::1%eth0 ; link\nnameserver nonsense\noptions ndots:2 edns0\nsearch a.test b.test\n";
    expect(parseResolvConf(text)).toEqual({
      servers: ["192.0.2.53", "fe80::1%eth0"],
      search: ["a.test.", "b.test."],
      ndots: 2,
    });
    expect(parseResolvConf("domain x.test\n").search).toEqual(["x.test."]);
    expect(parseResolvConf("")).toEqual({ servers: [], search: [], ndots: 1 });
  });

  test("search domains", () => {
    const conf = { search: ["a.test.", "b.test."], ndots: 1 };
    expect(searchList("www", conf)).toEqual(["www.a.test.", "www.b.test.", "www."]);
    expect(searchList("www.x", conf)).toEqual(["www.x.", "www.x.a.test.", "www.x.b.test."]);
    expect(searchList("www.", conf)).toEqual(["www."]);
    expect(searchList("www", { search: [], ndots: 1 })).toEqual(["www."]);
  });

  test("hosts", () => {
    const hosts = parseHosts("127.0.0.1 localhost Box # me\n::1 localhost\n::1 localhost\nnonsense name\n");
    expect(hosts).toEqual(
      new Map([
        ["localhost", ["127.0.0.1", "::1"]],
        ["box", ["127.0.0.1"]],
      ]),
    );
  });
});
