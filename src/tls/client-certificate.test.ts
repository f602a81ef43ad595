/** Client certificates (RFC 8446 §4.3.2, §4.4.2): the server requests one, and its host gives a verdict. */

import { describe, expect, it, test } from "vitest";
import { SeededRng } from "../base/rng.ts";
import { pureEngine } from "../crypto/pure/index.ts";
import { MemoryStrikeRegister } from "./strike-register.ts";
import { expectCode } from "./testing/expect.ts";
import { ed25519Identity } from "./testing/identity.ts";
import { eventOf, NOW, Pair, type PairOptions, secretsOf } from "./testing/pair.ts";
import { TicketKeys } from "./tickets.ts";

const IDENTITY = ed25519Identity(7);

const pairOf = (options: PairOptions = {}, clientCertificate: "optional" | "required" = "required") =>
  new Pair({
    ...options,
    client: { identity: IDENTITY, ...options.client },
    server: { clientCertificate, ...options.server },
  });

const flip = (message: Uint8Array): Uint8Array => {
  const changed = message.slice();
  changed[changed.length - 1]! ^= 1;
  return changed;
};

describe("a server that requests a client's certificate", () => {
  it("asks for a verdict on the chain of a client that holds the key, and then completes", () => {
    const pair = pairOf().run();
    expect(pair.isComplete).toBe(true);
    expect(eventOf(pair.serverEvents, "verify-certificate")).toEqual({
      type: "verify-certificate",
      chain: IDENTITY.chain,
      serverName: undefined,
    });
  });

  it("reads messages that arrive in single bytes", () => {
    expect(pairOf({ chunk: 1 }).run().isComplete).toBe(true);
  });

  it("neither completes nor reads 1-RTT data before the verdict", () => {
    const pair = pairOf({ clientVerdict: "later" }).run();
    expect(pair.client.isComplete).toBe(true);
    expect(pair.server.isComplete).toBe(false);
    expect(secretsOf(pair.serverEvents)).toHaveLength(3);
    pair.server.certificateVerdict(undefined, NOW);
    pair.settle();
    expect(pair.server.isComplete).toBe(true);
    expect(secretsOf(pair.serverEvents)).toHaveLength(4);
    expect(() => pair.server.certificateVerdict(undefined, NOW)).toThrow(TypeError);
  });

  it("fails with the alert of a negative verdict, and ignores further input", () => {
    const pair = pairOf({ clientVerdict: "later" }).run();
    expectCode(() => pair.server.certificateVerdict({ alert: 48, reason: "unknown" }, NOW), "unknown_ca");
    pair.server.certificateVerdict(undefined, NOW);
    expect(pair.server.isComplete).toBe(false);
    expect(secretsOf(pair.serverEvents)).toHaveLength(3);
  });

  it("accepts a client without a certificate only if it is optional", () => {
    const pair = pairOf({ client: { identity: undefined } }, "optional").run();
    expect(pair.isComplete).toBe(true);
    expect(eventOf(pair.serverEvents, "verify-certificate")).toBeUndefined();
    expectCode(() => pairOf({ client: { identity: undefined } }).run(), "certificate_required");
  });

  it("does not let a client skip its certificate, or the proof of its key", () => {
    const without = (skipped: string) =>
      pairOf({ toServer: (message, name) => (name === skipped ? undefined : message) }, "optional");
    expectCode(() => without("certificate").run(), "unexpected_message");
    expectCode(() => without("certificate_verify").run(), "unexpected_message");
  });

  it("does not ask for a verdict if the signature does not verify", () => {
    const forged = { ...IDENTITY, chain: ed25519Identity(8).chain };
    for (const pair of [
      pairOf({ client: { identity: forged } }),
      pairOf({ toServer: (message, name) => (name === "certificate_verify" ? flip(message) : message) }),
    ]) {
      expectCode(() => pair.run(), "decrypt_error");
      expect(eventOf(pair.serverEvents, "verify-certificate")).toBeUndefined();
    }
  });

  it("verifies a Finished that covers the certificate", () => {
    const pair = pairOf({ toServer: (message, name) => (name === "finished" ? flip(message) : message) });
    expectCode(() => pair.run(), "decrypt_error");
    expect(pair.server.isComplete).toBe(false);
  });

  it("issues no tickets, and accepts none of another configuration with the same keys", () => {
    const keys = new TicketKeys(pureEngine, new Uint8Array(32), new SeededRng(3));
    const earlyData = { context: new Uint8Array(0), register: new MemoryStrikeRegister() };
    const tickets = { keys, earlyData };
    const first = new Pair({ server: { tickets } }).run();
    const { session } = eventOf(first.clientEvents, "session")!;

    const pair = pairOf({ client: { session, earlyData: true }, server: { tickets } }).run();
    expect(pair.isComplete).toBe(true);
    expect(eventOf(pair.serverEvents, "complete")).toMatchObject({ resumed: false });
    expect(eventOf(pair.clientEvents, "early-data")).toMatchObject({ accepted: false });
    expect(eventOf(pair.clientEvents, "session")).toBeUndefined();
    expect(eventOf(pair.serverEvents, "verify-certificate")).toBeDefined();
  });
});

describe("a client", () => {
  it("does not sign with a scheme that the server does not accept, but sends no certificate", () => {
    const identity = { ...IDENTITY, signer: { ...IDENTITY.signer, schemes: [] } };
    expectCode(() => pairOf({ client: { identity } }).run(), "certificate_required");
  });

  it("sends no certificate unless one is requested", () => {
    const pair = new Pair({ client: { identity: IDENTITY } }).run();
    expect(pair.isComplete).toBe(true);
    expect(eventOf(pair.serverEvents, "verify-certificate")).toBeUndefined();
  });

  it("fails with internal_error if its signer throws", () => {
    const signer = {
      ...IDENTITY.signer,
      sign: () => {
        throw new Error("no key");
      },
    };
    expectCode(() => pairOf({ client: { identity: { ...IDENTITY, signer } } }).run(), "internal_error");
  });
});

test("a server that requests no certificate accepts no verdict", () => {
  const pair = new Pair().run();
  expect(() => pair.server.certificateVerdict(undefined, NOW)).toThrow(TypeError);
});
