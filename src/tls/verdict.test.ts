/** The host's verdict on the certificate: the client waits for it, whenever it arrives. */

import { describe, expect, it } from "vitest";
import { createTlsServer } from "./server.ts";
import { expectCode } from "./testing/expect.ts";
import { ed25519Identity } from "./testing/identity.ts";
import { eventOf, NOW, Pair, secretsOf, serverConfig } from "./testing/pair.ts";

describe("a client", () => {
  it("sends no Finished and releases no application secret before the verdict", () => {
    const pair = new Pair({ verdict: "later" }).run();
    expect(pair.client.isComplete).toBe(false);
    expect(secretsOf(pair.clientEvents)).toHaveLength(2);
    expect(eventOf(pair.clientEvents, "verify-certificate")).toEqual({
      type: "verify-certificate",
      chain: ed25519Identity().chain,
      serverName: "example.com",
    });
    expect(pair.server.isComplete).toBe(false);

    pair.client.certificateVerdict(undefined, NOW);
    pair.settle();
    expect(pair.isComplete).toBe(true);
    expect(secretsOf(pair.clientEvents)).toHaveLength(4);
  });

  it("completes immediately if the verdict precedes the server's Finished", () => {
    const pair: Pair = new Pair({
      verdict: "later",
      toClient: (message, name) => {
        if (name === "finished") pair.client.certificateVerdict(undefined, NOW);
        return message;
      },
    });
    pair.run();
    expect(pair.isComplete).toBe(true);
  });

  it("fails with the alert of a negative verdict, and ignores further input", () => {
    const pair = new Pair({ verdict: { alert: 48, reason: "Example CA is not trusted" } });
    const failure = expectCode(() => pair.run(), "unknown_ca");
    expect(failure.message).toContain("Example CA is not trusted");
    pair.settle();
    expect(pair.client.isComplete).toBe(false);
    expect(secretsOf(pair.clientEvents)).toHaveLength(2);
    // A late verdict changes nothing.
    pair.client.certificateVerdict(undefined, NOW);
    expect(pair.client.pollTransmit()).toBeUndefined();
  });

  it("accepts one verdict, and only after requesting it", () => {
    const pair = new Pair({ verdict: "later" });
    expect(() => pair.client.certificateVerdict(undefined, NOW)).toThrow(TypeError);
    pair.run();
    pair.client.certificateVerdict(undefined, NOW);
    expect(() => pair.client.certificateVerdict(undefined, NOW)).toThrow(TypeError);
    expect(pair.client.isComplete).toBe(true);
  });

  it("does not request a verdict on a chain whose key the server does not hold", () => {
    const pair = new Pair({
      server: { selectIdentity: () => ({ ...ed25519Identity(1), chain: ed25519Identity(2).chain }) },
    });
    expectCode(() => pair.run(), "decrypt_error");
    expect(eventOf(pair.clientEvents, "verify-certificate")).toBeUndefined();
  });
});

it("a server that requested no certificate expects no verdict", () => {
  expect(() => createTlsServer(serverConfig()).certificateVerdict(undefined, NOW)).toThrow(TypeError);
});
