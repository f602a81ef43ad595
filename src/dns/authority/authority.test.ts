import { expect, test } from "vitest";
import { emitMessage, type Message, parseMessage, printRecord, queryMessage, RCODES, rcodeName } from "../index.ts";
import { typeNumber } from "../record-types.ts";
import { Authority } from "./authority.ts";
import { Zone } from "./zone.ts";

const HEAD = "$TTL 300\n@ SOA ns hostmaster 7 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n";
const ZONE = `${HEAD}
@       HTTPS 0 svc
svc     HTTPS 1 . alpn=h3
svc     HTTPS 2 pool port=8443
svc     A 192.0.2.1
svc     AAAA 2001:db8::1
pool    A 192.0.2.2
pool    A 192.0.2.3
alias   CNAME ALIAS2
alias2  CNAME svc
away    CNAME host.example.org.
loop    CNAME loop2
loop2   CNAME loop
a.deep  TXT "below an empty name"
*.wild  A 192.0.2.9
*.wild  TXT "any"
x.wild  TXT "explicit"
sub     NS ns.sub
sub     NS ns.elsewhere.test.
sub     DS 1 8 2 00ff
ns.sub  A 192.0.2.99
moved   DNAME another.home.example.net.
mail    MX 10 pool
ttl 60  A 192.0.2.4
ttl 30  A 192.0.2.5
`;
const authority = new Authority([
  Zone.parse(ZONE, "example.test."),
  Zone.parse(`${HEAD}host A 192.0.2.7\n`, "example.org."),
]);

/** The response in dig's order: RCODE, flags, then each section's lines. */
function ask(name: string, type: string, change: Partial<Message> = {}, over: "datagram" | "stream" = "stream") {
  const query = { ...queryMessage(4242, { name, type: typeNumber(type)! }), ...change };
  const response = authority.respond(emitMessage(query), over)!;
  const message = parseMessage(response.bytes);
  expect(message).toMatchObject({ id: 4242, isResponse: true, questions: query.questions, recursionAvailable: false });
  const lines = (section: "answers" | "authorities" | "additionals"): string[] =>
    message[section].map((record) => printRecord(record).replaceAll("\t", " "));
  return {
    rcode: rcodeName(message.rcode),
    aa: message.isAuthoritative,
    tc: message.isTruncated,
    answers: lines("answers"),
    authorities: lines("authorities"),
    additionals: lines("additionals"),
    ttl: response.ttl,
    size: response.bytes.length,
  };
}

const SOA = "example.test. 60 IN SOA ns.example.test. hostmaster.example.test. 7 3600 600 86400 60";

test("a set is answered whole, with one time to live (RFC 2181 §5.2)", () => {
  expect(ask("ttl.Example.TEST.", "A")).toMatchObject({
    rcode: "NOERROR",
    aa: true,
    answers: ["ttl.Example.TEST. 30 IN A 192.0.2.4", "ttl.Example.TEST. 30 IN A 192.0.2.5"],
    ttl: 30,
  });
});

test("names that do not exist, and names without the type, have the SOA record (RFC 2308 §3)", () => {
  for (const [name, rcode] of [
    ["absent.example.test.", "NXDOMAIN"],
    ["svc.example.test.", "NOERROR"],
    // RFC 4592 §2.2.2: an empty name exists, for names below it do.
    ["deep.example.test.", "NOERROR"],
    ["b.deep.example.test.", "NXDOMAIN"],
  ] as const) {
    expect(ask(name, "CAA"), name).toMatchObject({ rcode, aa: true, answers: [], authorities: [SOA], ttl: 60 });
  }
});

test("aliases are followed within the zones, and left to the resolver elsewhere", () => {
  expect(ask("alias.example.test.", "A").answers).toEqual([
    "alias.example.test. 300 IN CNAME ALIAS2.example.test.",
    "ALIAS2.example.test. 300 IN CNAME svc.example.test.",
    "svc.example.test. 300 IN A 192.0.2.1",
  ]);
  expect(ask("away.example.test.", "A").answers.at(-1)).toBe("host.example.org. 300 IN A 192.0.2.7");
  expect(ask("moved.example.test.", "A")).toMatchObject({ rcode: "NOERROR", answers: [], authorities: [SOA] });
  expect(ask("loop.example.test.", "A")).toMatchObject({ rcode: "NOERROR", answers: { length: 2 } });
  expect(ask("alias.example.test.", "CNAME").answers).toHaveLength(1);
});

test("DNAME moves what is below it, unless the new name is too long (RFC 6672)", () => {
  expect(ask("www.moved.example.test.", "A")).toMatchObject({
    rcode: "NOERROR",
    answers: [
      "moved.example.test. 300 IN DNAME another.home.example.net.",
      "www.moved.example.test. 300 IN CNAME www.another.home.example.net.",
    ],
  });
  const long = `${`${"x".repeat(59)}.`.repeat(3)}${"y".repeat(53)}.moved.example.test.`;
  expect(ask(long, "A")).toMatchObject({ rcode: "YXDOMAIN", answers: { length: 1 } });
});

test("wildcards answer for names that do not exist (RFC 4592)", () => {
  expect(ask("some.thing.wild.example.test.", "A").answers).toEqual([
    "some.thing.wild.example.test. 300 IN A 192.0.2.9",
  ]);
  // The name exists, so the wildcard does not speak for it.
  expect(ask("x.wild.example.test.", "A")).toMatchObject({ rcode: "NOERROR", answers: [], authorities: [SOA] });
  expect(ask("below.x.wild.example.test.", "A")).toMatchObject({ rcode: "NXDOMAIN" });
});

test("a cut is a referral with the addresses of its servers; DS stays with the parent", () => {
  expect(ask("www.sub.example.test.", "A")).toMatchObject({
    rcode: "NOERROR",
    aa: false,
    answers: [],
    authorities: [
      "sub.example.test. 300 IN NS ns.sub.example.test.",
      "sub.example.test. 300 IN NS ns.elsewhere.test.",
      "sub.example.test. 300 IN DS 1 8 2 00ff",
    ],
    additionals: ["ns.sub.example.test. 300 IN A 192.0.2.99"],
  });
  expect(ask("sub.example.test.", "DS")).toMatchObject({ aa: true, answers: { length: 1 } });
});

test("service bindings come with what they lead to (RFC 9460 §4.1)", () => {
  expect(ask("example.test.", "HTTPS").additionals).toEqual([
    "svc.example.test. 300 IN HTTPS 1 . alpn=h3",
    "svc.example.test. 300 IN HTTPS 2 pool.example.test. port=8443",
    "svc.example.test. 300 IN A 192.0.2.1",
    "svc.example.test. 300 IN AAAA 2001:db8::1",
    "pool.example.test. 300 IN A 192.0.2.2",
    "pool.example.test. 300 IN A 192.0.2.3",
  ]);
  expect(ask("mail.example.test.", "MX").additionals).toHaveLength(2);
});

test("one set answers ANY (RFC 8482)", () => {
  expect(ask("svc.example.test.", "ANY").answers).toHaveLength(2);
});

test("what is not served is refused", () => {
  expect(ask("example.com.", "A")).toMatchObject({ rcode: "REFUSED", aa: false, authorities: [] });
  expect(ask("example.test.", "AXFR").rcode).toBe("REFUSED");
  expect(ask("example.test.", "SOA", { opcode: 4 }).rcode).toBe("NOTIMP");
  const questions = [{ name: "example.test.", type: 1, class: 1 }];
  expect(ask("example.test.", "A", { questions: [...questions, ...questions] }).rcode).toBe("FORMERR");
  expect(ask("example.test.", "A", { questions: [{ ...questions[0]!, class: 3 }] }).rcode).toBe("REFUSED");
  const edns = { udpSize: 4_096, version: 1, dnssecOk: false, options: [] };
  expect(ask("example.test.", "A", { edns }).rcode).toBe("BADVERS");
});

test("a datagram has the size that its receiver can take, and 1,232 bytes at most", () => {
  const many = Array.from({ length: 100 }, (_, i) => `many A 192.0.2.${i}`).join("\n");
  const big = new Authority([Zone.parse(`${HEAD}${many}\n`, "example.test.")]);
  const query = queryMessage(1, { name: "many.example.test.", type: 1 });
  for (const [edns, most] of [
    [undefined, 512],
    [{ ...query.edns!, udpSize: 600 }, 600],
    [{ ...query.edns!, udpSize: 65_535 }, 1_232],
  ] as const) {
    const { bytes } = big.respond(emitMessage({ ...query, edns }), "datagram")!;
    expect(bytes.length).toBeGreaterThan(most - 40);
    expect(bytes.length).toBeLessThanOrEqual(most);
    expect(parseMessage(bytes)).toMatchObject({ isTruncated: true, edns: edns && { udpSize: 1_232 } });
  }
  expect(parseMessage(big.respond(emitMessage(query), "stream")!.bytes).answers).toHaveLength(100);
});

test("bytes that are no query have no response, or FORMERR", () => {
  const query = emitMessage(queryMessage(9, { name: "example.test.", type: 1 }));
  expect(authority.respond(query.subarray(0, 11), "datagram")).toBeUndefined();
  const response = authority.respond(query, "datagram")!.bytes;
  expect(authority.respond(response, "datagram")).toBeUndefined();
  for (let length = 12; length < query.length; length += 1) {
    const cut = authority.respond(query.subarray(0, length), "datagram")!;
    expect(cut.rcode).toBe(RCODES.FORMERR);
    expect(parseMessage(cut.bytes)).toMatchObject({ id: 9, isResponse: true, recursionDesired: true, rcode: 1 });
  }
});

test("text that is not a zone is refused with the reason", () => {
  const refused = (lines: string) => () => Zone.parse(`${HEAD}${lines}\n`, "example.test.");
  expect(refused("a CNAME b\na A 192.0.2.1")).toThrow("a.example.test. has a CNAME record, and A beside it");
  expect(refused("a CNAME b\na CNAME c")).toThrow("more than one CNAME");
  expect(refused("host.example.org. A 192.0.2.1")).toThrow("host.example.org. is not within the zone example.test.");
  expect(refused("b SOA ns h 1 2 3 4 5")).toThrow("has another at b.example.test.");
  expect(refused("a CH TXT x")).toThrow("only the class IN");
  expect(() => Zone.parse("a A 192.0.2.1", "example.test.")).toThrow("a zone needs an SOA record");
  expect(Zone.parse(`${HEAD}ns 600 A 192.0.2.53\n`, "example.test.").size).toBe(3);
});
