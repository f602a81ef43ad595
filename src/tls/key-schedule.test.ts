/** RFC 8448 §3: a whole handshake's messages and secrets, byte for byte. */

import { describe, expect, it } from "vitest";
import vectors from "../../test/vectors/rfc8448.json" with { type: "json" };
import { portableEngine } from "../crypto/portable/index.ts";
import { pureEngine } from "../crypto/pure/index.ts";
import { fromHex, toHex } from "../wire/hex.ts";
import { Reader } from "../wire/reader.ts";
import { KeySchedule } from "./key-schedule.ts";
import { parseCertificate } from "./messages/certificate.ts";
import { parseCertificateVerify, signedContent } from "./messages/certificate-verify.ts";
import { parseClientHello } from "./messages/client-hello.ts";
import { parseEncryptedExtensions } from "./messages/encrypted-extensions.ts";
import { handshakeMessage, parseBody } from "./messages/message.ts";
import { parseNewSessionTicket } from "./messages/new-session-ticket.ts";
import { parseServerHello } from "./messages/server-hello.ts";
import { Transcript } from "./transcript.ts";
import { subjectPublicKeyInfo } from "./x509.ts";

const { secrets, transcriptHashes } = vectors;
const messages = Object.fromEntries(
  Object.entries(vectors.messages).map(([name, hex]) => [name, handshakeMessage(fromHex(hex))]),
) as Record<keyof typeof vectors.messages, ReturnType<typeof handshakeMessage>>;

describe.each([portableEngine, pureEngine])("RFC 8448 §3 on the $name engine", (engine) => {
  const schedule = new KeySchedule(engine, "sha256");

  it("derives Early, Handshake and Master Secret", () => {
    const early = schedule.earlySecret(new Uint8Array(32));
    expect(toHex(early)).toBe(secrets.early);
    const empty = engine.hash("sha256", new Uint8Array(0));
    expect(toHex(schedule.deriveSecret(early, "derived", empty))).toBe(secrets.derivedFromEarly);
    const handshake = schedule.handshakeSecret(early, fromHex(vectors.sharedSecret));
    expect(toHex(handshake)).toBe(secrets.handshake);
    expect(schedule.handshakeSecret(undefined, fromHex(vectors.sharedSecret))).toEqual(handshake);
    expect(toHex(schedule.deriveSecret(handshake, "derived", empty))).toBe(secrets.derivedFromHandshake);
    expect(toHex(schedule.masterSecret(handshake))).toBe(secrets.master);
  });

  it("derives every traffic secret and Finished from the transcript", () => {
    const transcript = new Transcript(engine);
    transcript.append(messages.clientHello.bytes);
    transcript.selectHash("sha256");
    transcript.append(messages.serverHello.bytes);
    expect(toHex(transcript.digest())).toBe(transcriptHashes.serverHello);
    const handshake = schedule.handshakeTraffic(fromHex(secrets.handshake), transcript.digest());
    expect(toHex(handshake.client)).toBe(secrets.clientHandshakeTraffic);
    expect(toHex(handshake.server)).toBe(secrets.serverHandshakeTraffic);

    transcript.append(messages.encryptedExtensions.bytes);
    transcript.append(messages.certificate.bytes);
    const certificate = parseBody(messages.certificate, parseCertificate).entries[0]!.certificate;
    const { algorithm, signature } = parseBody(messages.certificateVerify, parseCertificateVerify);
    expect(algorithm).toBe(0x0804);
    const signed = signedContent(transcript.digest(), "server");
    expect(engine.verify("rsa_pss_rsae_sha256", subjectPublicKeyInfo(certificate), signed, signature)).toBe(true);

    transcript.append(messages.certificateVerify.bytes);
    const serverVerifyData = schedule.verifyData(handshake.server, transcript.digest());
    expect(toHex(messages.serverFinished.bytes)).toBe(`14000020${toHex(serverVerifyData)}`);
    transcript.append(messages.serverFinished.bytes);
    expect(toHex(transcript.digest())).toBe(transcriptHashes.serverFinished);
    const application = schedule.applicationTraffic(fromHex(secrets.master), transcript.digest());
    expect(toHex(application.client)).toBe(secrets.clientApplicationTraffic);
    expect(toHex(application.server)).toBe(secrets.serverApplicationTraffic);

    const clientVerifyData = schedule.verifyData(handshake.client, transcript.digest());
    expect(toHex(messages.clientFinished.bytes)).toBe(`14000020${toHex(clientVerifyData)}`);
  });
});

it("reads the messages of RFC 8448 §3", () => {
  const hello = parseBody(messages.clientHello, parseClientHello);
  expect(hello.cipherSuites).toEqual([0x1301, 0x1303, 0x1302]);
  expect(hello.extensions).toMatchObject({
    server_name: "server",
    supported_groups: [0x1d, 0x17, 0x18, 0x19, 0x100, 0x101, 0x102, 0x103, 0x104],
    supported_versions: [0x0304],
    psk_key_exchange_modes: [1],
    // renegotiation_info, session_ticket and record_size_limit are not in our registry.
    unknown: [
      { type: 0xff01, data: Uint8Array.of(0) },
      { type: 35, data: new Uint8Array(0) },
      { type: 28, data: Uint8Array.of(0x40, 0x01) },
    ],
  });
  expect(hello.extensions.key_share!.map((share) => share.group)).toEqual([0x1d]);

  const answer = parseBody(messages.serverHello, parseServerHello);
  expect(answer).toMatchObject({
    type: "server_hello",
    cipherSuite: 0x1301,
    extensions: { supported_versions: 0x0304 },
  });
  expect(parseBody(messages.encryptedExtensions, parseEncryptedExtensions)).toMatchObject({ server_name: true });
  const ticket = parseBody(messages.newSessionTicket, parseNewSessionTicket);
  expect(ticket).toMatchObject({ ticketLifetime: 30, extensions: { early_data: 1024 } });
  expect(() => parseClientHello(new Reader(messages.clientHello.bytes, 4, 40))).toThrow();
});
