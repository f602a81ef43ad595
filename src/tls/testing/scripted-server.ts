/**
 * A server that follows a script. It builds a correct flight from parts that a test may change, and hashes and signs
 * what it actually sends, so that nothing but the change is wrong.
 */

import { SeededRng } from "../../base/rng.ts";
import type { GroupName, HashName } from "../../crypto/engine.ts";
import { pureEngine as engine } from "../../crypto/pure/index.ts";
import { utf8 } from "../../wire/text.ts";
import { GROUPS } from "../code-points.ts";
import { EncryptionLevel } from "../handshake.ts";
import { KeySchedule, type TrafficSecrets } from "../key-schedule.ts";
import { type CertificateMessage, emitCertificate } from "../messages/certificate.ts";
import { type CertificateRequest, emitCertificateRequest } from "../messages/certificate-request.ts";
import { type CertificateVerify, emitCertificateVerify, signedContent } from "../messages/certificate-verify.ts";
import { parseClientHello } from "../messages/client-hello.ts";
import { emitEncryptedExtensions } from "../messages/encrypted-extensions.ts";
import type { Extensions } from "../messages/extensions.ts";
import { emitFinished } from "../messages/finished.ts";
import { handshakeMessage, parseBody } from "../messages/message.ts";
import { emitServerHello, type HelloRetryRequest, type ServerHello } from "../messages/server-hello.ts";
import { Transcript } from "../transcript.ts";
import { ed25519Identity } from "./identity.ts";
import type { Flight } from "./pair.ts";

const EMPTY = new Uint8Array(0);

export interface Script {
  readonly group?: GroupName;
  readonly hash?: HashName;
  readonly serverHello?: (hello: ServerHello) => ServerHello;
  readonly encryptedExtensions?: (extensions: Extensions<"EE">) => Extensions<"EE">;
  readonly certificateRequest?: CertificateRequest;
  readonly certificate?: (message: CertificateMessage) => CertificateMessage;
  readonly certificateVerify?: (message: CertificateVerify) => CertificateVerify;
  readonly finished?: (verifyData: Uint8Array) => Uint8Array;
}

export const helloRetryRequest = (extensions: Extensions<"HRR">): HelloRetryRequest => ({
  type: "hello_retry_request",
  legacyVersion: 0x0303,
  legacySessionIdEcho: EMPTY,
  cipherSuite: 0x1301,
  extensions: { supported_versions: 0x0304, ...extensions },
});

export class ScriptedServer {
  readonly #transcript = new Transcript(engine);
  readonly #rng = new SeededRng(3);
  #schedule: KeySchedule | undefined;
  #traffic: TrafficSecrets | undefined;

  /** Answers the first ClientHello with a HelloRetryRequest. */
  retry(clientHello: Uint8Array, request: HelloRetryRequest): Flight {
    this.#transcript.append(clientHello);
    this.#transcript.selectHash("sha256");
    this.#transcript.replaceWithHash();
    return this.#send(EncryptionLevel.initial, emitServerHello(request));
  }

  /** The whole flight, one message at a time; each is made only after the test has consumed the previous one. */
  *flight(clientHello: Uint8Array, script: Script = {}): Generator<Flight> {
    const { group = "x25519", hash = "sha256" } = script;
    const hello = parseBody(handshakeMessage(clientHello), parseClientHello);
    const share = hello.extensions.key_share!.find((entry) => entry.group === GROUPS[group])!;
    const answer = engine.answerShare(group, share.keyExchange, this.#rng)!;
    this.#transcript.append(clientHello);
    this.#transcript.selectHash(hash);
    const serverHello: ServerHello = {
      type: "server_hello",
      legacyVersion: 0x0303,
      random: new Uint8Array(32).fill(7),
      legacySessionIdEcho: EMPTY,
      cipherSuite: hash === "sha256" ? 0x1301 : 0x1302,
      extensions: {
        supported_versions: 0x0304,
        key_share: { group: GROUPS[group], keyExchange: answer.share },
      },
    };
    yield this.#send(EncryptionLevel.initial, emitServerHello(script.serverHello?.(serverHello) ?? serverHello));

    const schedule = new KeySchedule(engine, hash);
    const secret = schedule.handshakeSecret(undefined, answer.secret);
    const traffic = schedule.handshakeTraffic(secret, this.#transcript.digest());
    this.#schedule = schedule;
    this.#traffic = traffic;
    const extensions: Extensions<"EE"> = {
      application_layer_protocol_negotiation: "h3",
      quic_transport_parameters: utf8("from server"),
    };
    yield this.#send(
      EncryptionLevel.handshake,
      emitEncryptedExtensions(script.encryptedExtensions?.(extensions) ?? extensions),
    );
    if (script.certificateRequest !== undefined) {
      yield this.#send(EncryptionLevel.handshake, emitCertificateRequest(script.certificateRequest));
    }
    const { chain, signer } = ed25519Identity();
    const certificate: CertificateMessage = {
      requestContext: EMPTY,
      entries: chain.map((der) => ({ certificate: der, extensions: {} })),
    };
    yield this.#send(EncryptionLevel.handshake, emitCertificate(script.certificate?.(certificate) ?? certificate));
    const signature = signer.sign("ed25519", signedContent(this.#transcript.digest(), "server"));
    const verify: CertificateVerify = { algorithm: 0x0807, signature };
    yield this.#send(EncryptionLevel.handshake, emitCertificateVerify(script.certificateVerify?.(verify) ?? verify));
    const verifyData = schedule.verifyData(traffic.server, this.#transcript.digest());
    yield this.#send(EncryptionLevel.handshake, emitFinished(script.finished?.(verifyData) ?? verifyData));
  }

  /** The client's expected Finished, given the messages that the client sent `before` it. */
  expectedFinished(...before: readonly Uint8Array[]): Uint8Array {
    for (const message of before) this.#transcript.append(message);
    return emitFinished(this.#schedule!.verifyData(this.#traffic!.client, this.#transcript.digest()));
  }

  #send(level: EncryptionLevel, bytes: Uint8Array): Flight {
    this.#transcript.append(bytes);
    return { level, bytes };
  }
}
