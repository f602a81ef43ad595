/** Tickets are sealed: only servers with the secret can make, read or change them. */

import fc from "fast-check";
import { expect, it } from "vitest";
import { SeededRng } from "../base/rng.ts";
import { type Instant, after as plus, seconds } from "../base/time.ts";
import { portableEngine } from "../crypto/portable/index.ts";
import { pureEngine } from "../crypto/pure/index.ts";
import { fromLatin1, utf8 } from "../wire/text.ts";
import { CIPHER_SUITES } from "./code-points.ts";
import { TICKET_LIFETIME, type TicketContents, TicketKeys } from "./tickets.ts";

const SECRET = new Uint8Array(32).fill(3);
const START = (TICKET_LIFETIME * 20_000) as Instant;

const contents = (overrides: Partial<TicketContents> = {}): TicketContents => ({
  suite: CIPHER_SUITES.TLS_AES_256_GCM_SHA384,
  psk: new Uint8Array(48).fill(0x55),
  binding: 0x6b33_43cf,
  issuedAt: START,
  ageAdd: 0xdead_beef,
  serverName: "secret.example",
  alpn: "h3",
  earlyContext: utf8("context"),
  ...overrides,
});

it("are opened by every server with the secret, and reveal nothing", () => {
  const one = new TicketKeys(portableEngine, SECRET, new SeededRng(1));
  const other = new TicketKeys(pureEngine, SECRET, new SeededRng(2));
  for (const given of [contents(), contents({ serverName: undefined, earlyContext: new Uint8Array(0) })]) {
    const ticket = one.seal(given, START);
    expect(other.open(ticket, plus(START, seconds(1)))).toEqual(given);
    expect(fromLatin1(ticket)).not.toContain("secret.example");
    // No two are alike, so that a client cannot be followed by its ticket.
    expect(one.seal(given, START)).not.toEqual(ticket);
  }
});

it("expire, wherever in the life of a key they were issued", () => {
  const keys = new TicketKeys(portableEngine, SECRET, new SeededRng(1));
  for (const part of [0, 0.3, 0.999]) {
    const issuedAt = plus(START, seconds(86_400 * part));
    const ticket = keys.seal(contents({ issuedAt }), issuedAt);
    const end = plus(issuedAt, TICKET_LIFETIME);
    expect(keys.open(ticket, (end - 1) as Instant)).toBeDefined();
    expect(keys.open(ticket, end)).toBeUndefined();
  }
});

it("are not opened with another secret, nor after any change", () => {
  const keys = new TicketKeys(portableEngine, SECRET, new SeededRng(1));
  const ticket = keys.seal(contents(), START);
  expect(new TicketKeys(portableEngine, new Uint8Array(32), new SeededRng(1)).open(ticket, START)).toBeUndefined();
  for (let i = 0; i < ticket.length; i += 1) {
    const changed = ticket.slice();
    changed[i]! ^= 0x80;
    expect(keys.open(changed, START)).toBeUndefined();
    expect(keys.open(ticket.subarray(0, i), START)).toBeUndefined();
  }
});

it("can be any bytes", () => {
  const keys = new TicketKeys(portableEngine, SECRET, new SeededRng(1));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(keys.open(bytes, START)).toBeUndefined();
    }),
  );
});
