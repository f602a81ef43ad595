/** A server whose host selects the identity later, such as after a look-up. */

import { describe, expect, it } from "vitest";
import { createTlsClient } from "./client.ts";
import { createTlsServer } from "./server.ts";
import { expectCode } from "./testing/expect.ts";
import { ed25519Identity } from "./testing/identity.ts";
import { clientConfig, eventOf, NOW, Pair, type PairOptions, secretsOf, serverConfig } from "./testing/pair.ts";

const waiting = (options: PairOptions = {}): Pair =>
  new Pair({ ...options, server: { selectIdentity: () => "later", ...options.server } }).run();

describe("an identity that is selected later", () => {
  it("is requested with the name and the client's schemes, before anything is sent", () => {
    const pair = waiting();
    expect(pair.serverEvents).toEqual([
      { type: "select-identity", serverName: "example.com", schemes: expect.arrayContaining(["ed25519"]) },
    ]);
    expect(pair.toClient).toEqual([]);
  });

  it("completes the handshake, with the same bytes as one selected at once", () => {
    const pair = waiting();
    pair.server.identitySelected(ed25519Identity(), NOW);
    pair.settle();
    expect(pair.isComplete).toBe(true);
    expect(secretsOf(pair.serverEvents)).toHaveLength(4);
    const atOnce = new Pair().run();
    const shape = ({ toClient }: Pair) => toClient.map(({ level, bytes }) => [level, bytes[0], bytes.length]);
    expect(shape(pair)).toEqual(shape(atOnce));
  });

  it("also after a HelloRetryRequest, which needs no identity", () => {
    const pair = waiting({ client: { groups: ["secp384r1", "x25519"] }, server: { groups: ["x25519"] } });
    expect(pair.toClient).toHaveLength(1);
    expect(eventOf(pair.serverEvents, "select-identity")).toBeDefined();
    pair.server.identitySelected(ed25519Identity(), NOW);
    pair.settle();
    expect(pair.isComplete).toBe(true);
  });

  it("may be none, which refuses the client", () => {
    const pair = waiting();
    expectCode(() => pair.server.identitySelected(undefined, NOW), "unrecognized_name");
    // A second answer changes nothing.
    pair.server.identitySelected(ed25519Identity(), NOW);
    expect(pair.server.pollTransmit()).toBeUndefined();
  });

  it("must suit the client's schemes", () => {
    const pair = waiting();
    const identity = ed25519Identity();
    const signer = { schemes: [], sign: () => expect.unreachable() };
    expectCode(() => pair.server.identitySelected({ ...identity, signer }, NOW), "handshake_failure");
  });

  it("is accepted once, and only when requested", () => {
    const early = createTlsServer(serverConfig());
    expect(() => early.identitySelected(ed25519Identity(), NOW)).toThrow(TypeError);
    const pair = waiting();
    pair.server.identitySelected(ed25519Identity(), NOW);
    expect(() => pair.server.identitySelected(ed25519Identity(), NOW)).toThrow(TypeError);
    expect(() => createTlsClient(clientConfig()).identitySelected(ed25519Identity(), NOW)).toThrow(TypeError);
  });

  it("leaves no room for a second ClientHello", () => {
    const pair = waiting();
    const [hello] = pair.toServer;
    expectCode(() => pair.server.handleCrypto(hello!.level, hello!.bytes, NOW), "unexpected_message");
  });
});
