import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SocketAddress } from "../../base/datagrams.ts";
import { SeededRng } from "../../base/rng.ts";
import { after, type Instant, instant, micros } from "../../base/time.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { fromHex } from "../../wire/hex.ts";
import { VERSION_1, VERSION_2 } from "../versions/index.ts";
import { NEW_TOKEN_LIFETIME, RETRY_TOKEN_LIFETIME, RetryTokens } from "./retry-token.ts";

const NOW: Instant = instant(7_000_000_000_000);
const CLIENT: SocketAddress = { family: 4, host: "192.0.2.1", port: 50_000 };
const OTHER_PORT: SocketAddress = { ...CLIENT, port: 50_001 };
const OTHER_HOST: SocketAddress = { ...CLIENT, host: "192.0.2.2" };
const IPV6: SocketAddress = { family: 6, host: "2001:db8::1", port: 443 };
const ORIGINAL = fromHex("8394c8f03e515708");
const SOURCE = fromHex("f067a5502a4262b5");

const tokensOf = (key: number, seed = 1) =>
  new RetryTokens(portableEngine, new Uint8Array(32).fill(key), new SeededRng(seed));
const plus = (span: number): Instant => after(NOW, micros(span));

describe("Retry tokens", () => {
  const tokens = tokensOf(1);

  it.each([CLIENT, IPV6])("return their contents for the same client: $host", (client) => {
    const token = tokens.issue(VERSION_1, client, ORIGINAL, SOURCE, NOW);
    expect(tokens.open(token, VERSION_1, client, plus(1))).toEqual({
      originalDestination: ORIGINAL,
      retrySource: SOURCE,
    });
    expect(
      tokens.open(tokens.issue(VERSION_1, client, new Uint8Array(0), SOURCE, NOW), VERSION_1, client, NOW),
    ).toMatchObject({
      originalDestination: new Uint8Array(0),
    });
  });

  it("are accepted by every server with the same key, and by no other", () => {
    const token = tokens.issue(VERSION_1, CLIENT, ORIGINAL, SOURCE, NOW);
    expect(tokensOf(1, 99).open(token, VERSION_1, CLIENT, NOW)).toMatchObject({ retrySource: SOURCE });
    expect(tokensOf(2).open(token, VERSION_1, CLIENT, NOW)).toBe("not-ours");
  });

  it("are valid for one address and port", () => {
    const token = tokens.issue(VERSION_1, CLIENT, ORIGINAL, SOURCE, NOW);
    for (const stranger of [OTHER_PORT, OTHER_HOST, IPV6])
      expect(tokens.open(token, VERSION_1, stranger, NOW)).toBeUndefined();
  });

  it("are valid for ten seconds", () => {
    const token = tokens.issue(VERSION_1, CLIENT, ORIGINAL, SOURCE, NOW);
    expect(tokens.open(token, VERSION_1, CLIENT, plus(RETRY_TOKEN_LIFETIME - 1))).toMatchObject({
      retrySource: SOURCE,
    });
    expect(tokens.open(token, VERSION_1, CLIENT, plus(RETRY_TOKEN_LIFETIME))).toBeUndefined();
    // Setting the clock back does not extend its life.
    expect(tokens.open(token, VERSION_1, CLIENT, plus(-1))).toBeUndefined();
  });

  it("are not ours if any bit is flipped or any byte is missing", () => {
    const token = tokens.issue(VERSION_1, CLIENT, ORIGINAL, SOURCE, NOW);
    for (let bit = 0; bit < token.length * 8; bit += 1) {
      const changed = token.slice();
      changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7));
      expect(tokens.open(changed, VERSION_1, CLIENT, NOW)).toBe("not-ours");
      expect(tokens.acceptsNewToken(changed, VERSION_1, CLIENT, NOW)).toBe(false);
    }
    for (let length = 0; length < token.length; length += 1) {
      expect(tokens.open(token.subarray(0, length), VERSION_1, CLIENT, NOW)).toBe("not-ours");
    }
  });

  it("differ each time, and reveal neither ids nor address", () => {
    const token = tokens.issue(VERSION_1, CLIENT, ORIGINAL, SOURCE, NOW);
    expect(tokens.issue(VERSION_1, CLIENT, ORIGINAL, SOURCE, NOW)).not.toEqual(token);
    const text = String.fromCharCode(...token);
    expect(text).not.toContain("192.0.2.1");
    expect(text).not.toContain(String.fromCharCode(...ORIGINAL));
  });

  it("arbitrary bytes are not ours", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.constantFrom(1, 2), (bytes, kind) => {
        expect(tokens.open(Uint8Array.of(kind, ...bytes), VERSION_1, CLIENT, NOW)).toBe("not-ours");
        expect(tokens.acceptsNewToken(Uint8Array.of(kind, ...bytes), VERSION_1, CLIENT, NOW)).toBe(false);
      }),
    );
  });
});

it("a client must not change the version after a Retry (RFC 9369 §4.1)", () => {
  const tokens = tokensOf(1);
  const token = tokens.issue(VERSION_1, CLIENT, ORIGINAL, SOURCE, NOW);
  expect(tokens.open(token, VERSION_2, CLIENT, NOW)).toBeUndefined();
});

describe("tokens of NEW_TOKEN frames", () => {
  const tokens = tokensOf(1);

  it("validate the address, on any port, for a day", () => {
    const token = tokens.issueNewToken(VERSION_1, CLIENT, NOW);
    expect(tokens.acceptsNewToken(token, VERSION_1, CLIENT, plus(1))).toBe(true);
    expect(tokens.acceptsNewToken(token, VERSION_1, OTHER_PORT, plus(NEW_TOKEN_LIFETIME - 1))).toBe(true);
    expect(tokens.acceptsNewToken(token, VERSION_1, OTHER_HOST, NOW)).toBe(false);
    expect(tokens.acceptsNewToken(token, VERSION_1, CLIENT, plus(NEW_TOKEN_LIFETIME))).toBe(false);
  });

  it("validate it only for the version of their connection (RFC 9369 §5)", () => {
    const token = tokens.issueNewToken(VERSION_2, CLIENT, NOW);
    expect(tokens.acceptsNewToken(token, VERSION_2, CLIENT, NOW)).toBe(true);
    expect(tokens.acceptsNewToken(token, VERSION_1, CLIENT, NOW)).toBe(false);
  });

  it("and Retry tokens are not interchangeable, even if the kind is changed", () => {
    const fresh = tokens.issueNewToken(VERSION_1, CLIENT, NOW);
    const retry = tokens.issue(VERSION_1, CLIENT, ORIGINAL, SOURCE, NOW);
    expect(tokens.open(fresh, VERSION_1, CLIENT, NOW)).toBe("not-ours");
    expect(tokens.acceptsNewToken(retry, VERSION_1, CLIENT, NOW)).toBe(false);
    [fresh[0], retry[0]] = [retry[0]!, fresh[0]!];
    expect(tokens.open(fresh, VERSION_1, CLIENT, NOW)).toBe("not-ours");
    expect(tokens.acceptsNewToken(retry, VERSION_1, CLIENT, NOW)).toBe(false);
  });
});
