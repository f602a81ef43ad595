import { describe, expect, it } from "vitest";
import { toHex } from "../wire/hex.ts";
import { EncryptionLevel, type TlsEvent } from "./handshake.ts";
import { parseClientHello } from "./messages/client-hello.ts";
import { handshakeMessage, parseBody } from "./messages/message.ts";
import { Pair, secretsOf } from "./testing/pair.ts";

const linesOf = (events: readonly TlsEvent[]): string[] =>
  events.flatMap((event) => (event.type === "key-log" ? [event.line] : []));

describe("the key log (RFC 9850)", () => {
  for (const groups of [["x25519"], ["secp256r1"]] as const) {
    it(`has a line for each of the four secrets, the same on both sides (server wants ${groups})`, () => {
      const pair = new Pair({ client: { keyLog: true }, server: { keyLog: true, groups } }).run();
      const { random } = parseBody(handshakeMessage(pair.toServer[0]!.bytes), parseClientHello);
      const secret = (level: EncryptionLevel, direction: "read" | "write") =>
        toHex(secretsOf(pair.clientEvents).find((s) => s.level === level && s.direction === direction)!.secret);
      const expected = [
        `CLIENT_HANDSHAKE_TRAFFIC_SECRET ${toHex(random)} ${secret(EncryptionLevel.handshake, "write")}`,
        `SERVER_HANDSHAKE_TRAFFIC_SECRET ${toHex(random)} ${secret(EncryptionLevel.handshake, "read")}`,
        `CLIENT_TRAFFIC_SECRET_0 ${toHex(random)} ${secret(EncryptionLevel.oneRtt, "write")}`,
        `SERVER_TRAFFIC_SECRET_0 ${toHex(random)} ${secret(EncryptionLevel.oneRtt, "read")}`,
      ];
      expect(linesOf(pair.clientEvents)).toEqual(expected);
      expect(linesOf(pair.serverEvents)).toEqual(expected);
    });
  }

  it("is written only if configured", () => {
    const pair = new Pair({ client: { keyLog: false } }).run();
    expect(linesOf([...pair.clientEvents, ...pair.serverEvents])).toEqual([]);
  });
});
