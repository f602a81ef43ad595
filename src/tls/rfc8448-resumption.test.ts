/** RFC 8448 §4: a resumed handshake with early data, byte for byte. */

import { describe, expect, it } from "vitest";
import vectors from "../../test/vectors/rfc8448.json" with { type: "json" };
import type { CryptoEngine } from "../crypto/engine.ts";
import { hkdfExpandLabel } from "../crypto/hkdf.ts";
import { portableEngine } from "../crypto/portable/index.ts";
import { pureEngine } from "../crypto/pure/index.ts";
import { fromHex, toHex } from "../wire/hex.ts";
import { fromLatin1 } from "../wire/text.ts";
import { computeBinder } from "./binders.ts";
import { CryptoChannel } from "./channel.ts";
import { EncryptionLevel } from "./handshake.ts";
import { KeySchedule } from "./key-schedule.ts";
import { parseClientHello } from "./messages/client-hello.ts";
import { parseEncryptedExtensions } from "./messages/encrypted-extensions.ts";
import { parseFinished } from "./messages/finished.ts";
import { type HandshakeMessage, handshakeMessage, parseBody } from "./messages/message.ts";
import { parseNewSessionTicket } from "./messages/new-session-ticket.ts";
import { parseServerHello } from "./messages/server-hello.ts";
import { Transcript } from "./transcript.ts";

const { resumption, messages } = vectors;
const { secrets } = resumption;
const EMPTY = new Uint8Array(0);

/** The contents of a TLS record with sequence number 0, without its inner content type (RFC 8446 §5.2). */
function openRecord(engine: CryptoEngine, secret: Uint8Array, record: Uint8Array): Uint8Array {
  const key = hkdfExpandLabel(engine, "sha256", secret, "key", EMPTY, 16);
  const iv = hkdfExpandLabel(engine, "sha256", secret, "iv", EMPTY, 12);
  const inner = engine.aeadOpen("aes-128-gcm", key, iv, record.subarray(0, 5), record.subarray(5))!;
  return inner.subarray(0, -1);
}

describe.each([portableEngine, pureEngine])("RFC 8448 §4 on the $name engine", (engine) => {
  const schedule = new KeySchedule(engine, "sha256");
  const hello = handshakeMessage(fromHex(resumption.clientHello));
  const { extensions } = parseBody(hello, parseClientHello);
  const { identities, binders } = extensions.pre_shared_key!;

  it("derives the PSK of the ticket of §3", () => {
    const transcript = new Transcript(engine);
    transcript.selectHash("sha256");
    const order = [
      "clientHello",
      "serverHello",
      "encryptedExtensions",
      "certificate",
      "certificateVerify",
      "serverFinished",
      "clientFinished",
    ] as const;
    for (const name of order) transcript.append(fromHex(messages[name]));
    const master = schedule.resumptionMaster(fromHex(vectors.secrets.master), transcript.digest());
    expect(toHex(master)).toBe(resumption.resumptionMaster);
    const ticket = parseBody(handshakeMessage(fromHex(messages.newSessionTicket)), parseNewSessionTicket);
    expect(toHex(schedule.ticketPsk(master, ticket.ticketNonce))).toBe(resumption.psk);
    expect(identities).toMatchObject([{ identity: ticket.ticket }]);
  });

  it("computes the binder over the ClientHello without its binders", () => {
    const early = schedule.earlySecret(fromHex(resumption.psk));
    expect(toHex(early)).toBe(secrets.early);
    expect(toHex(schedule.binderKey(early))).toBe(secrets.binderKey);
    expect(toHex(engine.hash("sha256", hello.bytes.subarray(0, -35)))).toBe(resumption.binderHash);
    const binder = computeBinder(schedule, early, "sha256", new Transcript(engine), hello.bytes, binders);
    expect(toHex(binder)).toBe(resumption.binder);
    expect(binders.map(toHex)).toEqual([resumption.binder]);
  });

  it("opens the early data", () => {
    expect(extensions.early_data).toBe(true);
    const secret = schedule.earlyTraffic(fromHex(secrets.early), engine.hash("sha256", hello.bytes));
    expect(toHex(secret)).toBe(secrets.clientEarlyTraffic);
    const data = openRecord(engine, secret, fromHex(resumption.earlyDataRecord));
    expect(fromLatin1(data)).toBe("ABCDEF");
  });

  it("derives every later secret, and verifies the server's Finished", () => {
    const transcript = new Transcript(engine);
    transcript.append(hello.bytes);
    transcript.selectHash("sha256");
    const answer = handshakeMessage(fromHex(resumption.serverHello));
    const { extensions: answered } = parseBody(answer, parseServerHello) as { extensions: Record<string, unknown> };
    expect(answered.pre_shared_key).toBe(0);
    transcript.append(answer.bytes);
    const privateKey = fromHex(resumption.clientPrivateKey);
    const rng = { fill: (bytes: Uint8Array) => bytes.set(privateKey), uint32: () => 0 };
    const { keyExchange } = answered.key_share as { keyExchange: Uint8Array };
    const shared = engine.generateKeyPair("x25519", rng).deriveShared(keyExchange)!;
    const handshake = schedule.handshakeSecret(fromHex(secrets.early), shared);
    expect(toHex(handshake)).toBe(secrets.handshake);
    const traffic = schedule.handshakeTraffic(handshake, transcript.digest());
    expect(toHex(traffic.client)).toBe(secrets.clientHandshakeTraffic);
    expect(toHex(traffic.server)).toBe(secrets.serverHandshakeTraffic);

    const flight: HandshakeMessage[] = [];
    const bytes = openRecord(engine, traffic.server, fromHex(resumption.serverFlightRecord));
    new CryptoChannel().receive(EncryptionLevel.initial, bytes, (message) => flight.push(message));
    // No certificate: the server proved its identity in §3.
    expect(flight.map(({ name }) => name)).toEqual(["encrypted_extensions", "finished"]);
    const [encryptedExtensions, finished] = flight;
    expect(parseBody(encryptedExtensions!, parseEncryptedExtensions).early_data).toBe(true);
    transcript.append(encryptedExtensions!.bytes);
    const verifyData = schedule.verifyData(traffic.server, transcript.digest());
    expect(parseBody(finished!, (body) => parseFinished(body, 32))).toEqual(verifyData);
    transcript.append(finished!.bytes);
    const application = schedule.applicationTraffic(schedule.masterSecret(handshake), transcript.digest());
    expect(toHex(application.client)).toBe(secrets.clientApplicationTraffic);
    expect(toHex(application.server)).toBe(secrets.serverApplicationTraffic);
  });
});
