/** The client side of the handshake (RFC 8446 §2): each message causes one transition between `ClientState`s. */

import { assertNever, ProtocolError } from "../base/errors.ts";
import { randomBytes } from "../base/rng.ts";
import type { Instant } from "../base/time.ts";
import { equalConstantTime } from "../wire/text.ts";
import { ALERTS, alertError, CRYPTO_ERROR } from "./alerts.ts";
import { decompressCertificate } from "./certificate-compression.ts";
import { clientProof, verifySignature } from "./certificate-proof.ts";
import { CryptoChannel } from "./channel.ts";
import type { CipherSuite } from "./cipher-suite.ts";
import { makeClientHello, makeShare, type OfferedShare, retryClientHello } from "./client-offer.ts";
import { offerSession, type SessionOffer } from "./client-resumption.ts";
import type { Authenticated, ClientState } from "./client-state.ts";
import {
  CIPHER_SUITES,
  CLIENT_GROUPS,
  DEFAULT_CIPHER_SUITES,
  formatCodePoint,
  GROUPS,
  LEGACY_VERSION,
  TLS_1_3,
} from "./code-points.ts";
import { protocolViolation } from "./errors.ts";
import type { Exporter } from "./exporter.ts";
import { EncryptionLevel, type TlsClientConfig, type TlsEvent, type TlsHandshake } from "./handshake.ts";
import { type KeyLogLabel, keyLogLine } from "./key-log.ts";
import { KeySchedule, type TrafficSecrets } from "./key-schedule.ts";
import { parseCertificate } from "./messages/certificate.ts";
import { parseCertificateRequest } from "./messages/certificate-request.ts";
import { type ClientHello, emitClientHello } from "./messages/client-hello.ts";
import { parseEncryptedExtensions } from "./messages/encrypted-extensions.ts";
import { rejectUnsolicited } from "./messages/extensions.ts";
import { emitFinished, parseFinished } from "./messages/finished.ts";
import { describeMessage, type HandshakeMessage, parseBody } from "./messages/message.ts";
import { parseNewSessionTicket } from "./messages/new-session-ticket.ts";
import { type HelloRetryRequest, isDowngraded, parseServerHello, type ServerHello } from "./messages/server-hello.ts";
import { sessionOf } from "./session.ts";
import { Transcript } from "./transcript.ts";
import { subjectPublicKeyInfo } from "./x509.ts";

export const createTlsClient = (config: TlsClientConfig): TlsHandshake => new TlsClient(config);

class TlsClient implements TlsHandshake {
  readonly #config: TlsClientConfig;
  readonly #channel = new CryptoChannel();
  readonly #transcript: Transcript;
  readonly #random: Uint8Array;
  #state: ClientState = { type: "START" };
  /** True from the offer of early data to its acceptance or rejection. */
  #awaitsEarlyData = false;
  /** On the clock of tickets. */
  #now = 0 as Instant;

  constructor(config: TlsClientConfig) {
    this.#config = config;
    this.#transcript = new Transcript(config.engine);
    this.#random = randomBytes(config.rng, 32);
  }

  get isComplete(): boolean {
    return this.#state.type === "CONNECTED";
  }

  get exporter(): Exporter | undefined {
    return this.#state.type === "CONNECTED" ? this.#state.exporter : undefined;
  }

  pollTransmit() {
    return this.#channel.pollTransmit();
  }

  pollEvent(): TlsEvent | undefined {
    return this.#channel.pollEvent();
  }

  start(now: Instant): void {
    if (this.#state.type !== "START") throw new TypeError("the handshake has already started");
    this.#setTime(now);
    const share = makeShare(this.#config, (this.#config.groups ?? CLIENT_GROUPS)[0]!);
    const offer = offerSession(this.#config, this.#now);
    this.#awaitsEarlyData = offer?.session.allowsEarlyData === true && this.#config.earlyData === true;
    const hello = this.#sendHello(makeClientHello(this.#config, this.#random, share), offer);
    this.#state = { type: "WAIT_SH", hello, share, offer, retrySuite: undefined };
  }

  #setTime(now: Instant): void {
    this.#now = this.#config.wallTime?.(now) ?? now;
  }

  handleCrypto(level: EncryptionLevel, bytes: Uint8Array, now: Instant): void {
    this.#setTime(now);
    this.#failOnError(() => {
      this.#channel.receive(level, bytes, (message) => {
        this.#state = this.#transition(this.#state, message);
      });
    });
  }

  certificateVerdict(failure: { readonly alert: number; readonly reason: string } | undefined): void {
    this.#failOnError(() => {
      const state = this.#state;
      const isExpected = state.type === "WAIT_VERDICT" || (state.type === "WAIT_FINISHED" && !state.accepted);
      if (!isExpected) throw new TypeError(`no verdict is expected in state ${state.type}`);
      if (failure !== undefined) {
        const entry = { code: CRYPTO_ERROR + failure.alert, sentence: failure.reason };
        throw new ProtocolError("transport", entry, "certificate");
      }
      if (state.type === "WAIT_VERDICT")
        this.#state = this.#complete(state.authenticated, state.master, state.application, state.exporter);
      else this.#state = { ...state, accepted: true };
    });
  }

  identitySelected(): void {
    throw new TypeError("a client does not select an identity");
  }

  /** Runs `act`; a ProtocolError makes this machine fail. Afterwards it ignores all input. */
  #failOnError(act: () => void): void {
    if (this.#state.type === "FAILED") return;
    try {
      act();
    } catch (error) {
      if (error instanceof ProtocolError) this.#state = { type: "FAILED" };
      throw error;
    }
  }

  #transition(state: ClientState, message: HandshakeMessage): ClientState {
    switch (state.type) {
      case "WAIT_SH":
        if (message.name === "server_hello") return this.#handleServerHello(state, message);
        break;
      case "WAIT_EE":
        if (message.name === "encrypted_extensions") return this.#handleEncryptedExtensions(state, message);
        break;
      case "WAIT_CERT_CR":
        if (message.name === "certificate_request") return this.#handleCertificateRequest(state, message);
        if (isCertificate(message)) return this.#handleCertificate(state, message);
        break;
      case "WAIT_CERT":
        if (isCertificate(message)) return this.#handleCertificate(state, message);
        break;
      case "WAIT_CV":
        if (message.name === "certificate_verify") return this.#handleCertificateVerify(state, message);
        break;
      case "WAIT_FINISHED":
        if (message.name === "finished") return this.#handleFinished(state, message);
        break;
      case "CONNECTED":
        if (message.name === "new_session_ticket") return this.#handleNewSessionTicket(state, message);
        // RFC 9001 §4.4
        if (message.name === "certificate_request") {
          throw protocolViolation(message.name, "client certificate requested after the handshake");
        }
        break;
      case "START":
      case "WAIT_VERDICT":
      case "FAILED":
        break;
      default:
        assertNever(state);
    }
    // Includes KeyUpdate in every state (RFC 9001 §6).
    throw alertError("unexpected_message", describeMessage(message), `not allowed in state ${state.type}`);
  }

  // ---- ServerHello and HelloRetryRequest ----

  #handleServerHello(state: ClientState & { type: "WAIT_SH" }, message: HandshakeMessage): ClientState {
    const answer = parseBody(message, parseServerHello);
    const suite = this.#checkHello(state, answer);
    this.#transcript.selectHash(suite.hash);
    return answer.type === "hello_retry_request"
      ? this.#retry(state, answer, suite, message)
      : this.#agreeOnKeys(state, answer, suite, message);
  }

  /** The checks common to ServerHello and HelloRetryRequest. */
  #checkHello(state: ClientState & { type: "WAIT_SH" }, answer: ServerHello | HelloRetryRequest): CipherSuite {
    const { supported_versions } = answer.extensions;
    if (supported_versions === undefined) {
      // RFC 8446 §4.1.3: the server supports TLS 1.3, so the hello was tampered with.
      if (answer.type === "server_hello" && isDowngraded(answer.random)) {
        throw alertError("illegal_parameter", "server_hello", "the version was downgraded");
      }
      throw alertError("protocol_version", "server_hello", "not TLS 1.3"); // RFC 9001 §4.2
    }
    if (supported_versions !== TLS_1_3) {
      throw alertError(
        "illegal_parameter",
        "supported_versions",
        `${formatCodePoint(supported_versions)} was not offered`,
      );
    }
    // RFC 9846 §4.2.3
    if (answer.legacyVersion !== LEGACY_VERSION) {
      throw alertError("protocol_version", "server_hello", `legacy_version ${formatCodePoint(answer.legacyVersion)}`);
    }
    rejectUnsolicited(
      answer.extensions,
      state.hello.extensions,
      answer.type === "hello_retry_request" ? ["cookie"] : [],
    );
    if (answer.legacySessionIdEcho.length > 0) {
      throw alertError("illegal_parameter", "server_hello", "echoes a session ID that was not sent");
    }
    const name = (this.#config.cipherSuites ?? DEFAULT_CIPHER_SUITES).find(
      (offered) => CIPHER_SUITES[offered].id === answer.cipherSuite,
    );
    if (name === undefined) {
      throw alertError("illegal_parameter", "server_hello", `${formatCodePoint(answer.cipherSuite)} was not offered`);
    }
    // RFC 8446 §4.1.4
    if (state.retrySuite !== undefined && state.retrySuite.name !== name) {
      throw alertError("illegal_parameter", "server_hello", "the cipher suite differs from the HelloRetryRequest");
    }
    return CIPHER_SUITES[name];
  }

  #retry(
    state: ClientState & { type: "WAIT_SH" },
    request: HelloRetryRequest,
    suite: CipherSuite,
    message: HandshakeMessage,
  ): ClientState {
    // RFC 8446 §4.1.4: at most one retry, and only if it changes something.
    if (state.retrySuite !== undefined) {
      throw alertError("unexpected_message", "hello_retry_request", "a second HelloRetryRequest");
    }
    const { key_share: selected, cookie } = request.extensions;
    if (selected === undefined && cookie === undefined) {
      throw alertError("illegal_parameter", "hello_retry_request", "would not change the ClientHello");
    }
    const share = selected === undefined ? state.share : this.#shareFor(state.share, selected);
    this.#transcript.replaceWithHash();
    this.#transcript.append(message.bytes);
    // RFC 8446 §4.1.2: no early data after a retry, and no PSK for another hash.
    if (this.#awaitsEarlyData) this.#settleEarlyData(false, state.offer!.session.alpn);
    const offer = state.offer?.suite.hash === suite.hash ? state.offer : undefined;
    const hello = this.#sendHello(retryClientHello(state.hello, share, cookie), offer);
    return { type: "WAIT_SH", hello, share, offer, retrySuite: suite };
  }

  /** RFC 8446 §4.2.8: the group must have been offered without a share. */
  #shareFor(first: OfferedShare, selected: number): OfferedShare {
    const group = (this.#config.groups ?? CLIENT_GROUPS).find((offered) => GROUPS[offered] === selected);
    if (group === undefined) {
      throw alertError("illegal_parameter", "key_share", `${formatCodePoint(selected)} was not offered`);
    }
    if (group === first.group) throw alertError("illegal_parameter", "key_share", "that group already had a share");
    return makeShare(this.#config, group);
  }

  #agreeOnKeys(
    state: ClientState & { type: "WAIT_SH" },
    answer: ServerHello,
    suite: CipherSuite,
    message: HandshakeMessage,
  ): ClientState {
    const { group, keyPair } = state.share;
    const { key_share: entry } = answer.extensions;
    if (entry === undefined) throw alertError("missing_extension", "server_hello", "no key_share");
    if (entry.group !== GROUPS[group]) {
      throw alertError("illegal_parameter", "key_share", `no share was sent for ${formatCodePoint(entry.group)}`);
    }
    const shared = keyPair.deriveShared(entry.keyExchange);
    if (shared === undefined) throw alertError("illegal_parameter", "key_share", "unusable public key");
    const resumed = resumedSession(state.offer, answer, suite);
    this.#transcript.append(message.bytes);

    const schedule = new KeySchedule(this.#config.engine, suite.hash);
    const handshakeSecret = schedule.handshakeSecret(resumed?.earlySecret, shared);
    const traffic = schedule.handshakeTraffic(handshakeSecret, this.#transcript.digest());
    this.#log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", traffic.client);
    this.#log("SERVER_HANDSHAKE_TRAFFIC_SECRET", traffic.server);
    const secret = { type: "secret", level: EncryptionLevel.handshake, suite } as const;
    this.#channel.emit({ ...secret, direction: "read", secret: traffic.server });
    this.#channel.emit({ ...secret, direction: "write", secret: traffic.client });
    this.#channel.readAt(EncryptionLevel.handshake);
    const keys = { suite, group, schedule, handshakeSecret, traffic, resumed };
    return { type: "WAIT_EE", hello: state.hello, keys };
  }

  // ---- The protected part of the server's flight ----

  #handleEncryptedExtensions(state: ClientState & { type: "WAIT_EE" }, message: HandshakeMessage): ClientState {
    const extensions = parseBody(message, parseEncryptedExtensions);
    rejectUnsolicited(extensions, state.hello.extensions);
    const { application_layer_protocol_negotiation: alpn, quic_transport_parameters: parameters } = extensions;
    // RFC 9001 §8.1
    if (alpn === undefined) throw alertError("no_application_protocol", "encrypted_extensions");
    if (!this.#config.alpn.includes(alpn)) {
      throw alertError(
        "illegal_parameter",
        "application_layer_protocol_negotiation",
        "a protocol that was not offered",
      );
    }
    // RFC 9001 §8.2
    if (parameters === undefined) {
      throw alertError("missing_extension", "encrypted_extensions", "no quic_transport_parameters");
    }
    const { resumed, suite } = state.keys;
    // RFC 8446 §4.2.10
    if (extensions.early_data && (resumed?.suite.name !== suite.name || resumed.session.alpn !== alpn)) {
      throw alertError("illegal_parameter", "early_data", "accepted with another PSK, cipher suite or protocol");
    }
    if (this.#awaitsEarlyData) this.#settleEarlyData(extensions.early_data === true, alpn);
    this.#channel.emit({ type: "peer-parameters", bytes: parameters });
    this.#transcript.append(message.bytes);
    const negotiated = { ...state.keys, alpn, parameters, certificateRequest: undefined };
    if (resumed !== undefined) {
      // RFC 8446 §4.6.1: the verdict on the certificate of the first connection still holds.
      return { type: "WAIT_FINISHED", authenticated: { ...negotiated, signatureScheme: undefined }, accepted: true };
    }
    return { type: "WAIT_CERT_CR", hello: state.hello, negotiated };
  }

  #handleCertificateRequest(state: ClientState & { type: "WAIT_CERT_CR" }, message: HandshakeMessage): ClientState {
    const { requestContext, extensions } = parseBody(message, parseCertificateRequest);
    // RFC 8446 §4.3.2
    if (requestContext.length > 0) {
      throw alertError("illegal_parameter", "certificate_request", "non-empty context during the handshake");
    }
    if (extensions.signature_algorithms === undefined) {
      throw alertError("missing_extension", "certificate_request", "no signature_algorithms");
    }
    this.#transcript.append(message.bytes);
    const negotiated = { ...state.negotiated, certificateRequest: extensions.signature_algorithms };
    return { type: "WAIT_CERT", hello: state.hello, negotiated };
  }

  #handleCertificate(
    state: ClientState & { type: "WAIT_CERT_CR" | "WAIT_CERT" },
    message: HandshakeMessage,
  ): ClientState {
    const certificate =
      message.name === "compressed_certificate"
        ? decompressCertificate(
            message,
            state.hello.extensions.compress_certificate,
            this.#config.certificateCompression,
          )
        : message;
    const { requestContext, entries } = parseBody(certificate, parseCertificate);
    // RFC 8446 §4.4.2
    if (requestContext.length > 0) throw alertError("illegal_parameter", "certificate", "non-empty context");
    const leaf = entries[0];
    // RFC 8446 §4.4.2.4
    if (leaf === undefined) throw alertError("decode_error", "certificate", "no certificate");
    for (const { extensions } of entries) rejectUnsolicited(extensions, state.hello.extensions);
    const publicKey = subjectPublicKeyInfo(leaf.certificate);
    this.#transcript.append(message.bytes);
    const chain = entries.map((entry) => entry.certificate);
    return { type: "WAIT_CV", negotiated: state.negotiated, chain, publicKey };
  }

  #handleCertificateVerify(state: ClientState & { type: "WAIT_CV" }, message: HandshakeMessage): ClientState {
    const { publicKey } = state;
    const signatureScheme = verifySignature(this.#config.engine, publicKey, message, this.#transcript, "server");
    this.#transcript.append(message.bytes);
    // Not earlier: only the chain of a server that holds the key is worth validating.
    this.#channel.emit({
      type: "verify-certificate",
      chain: state.chain,
      serverName: this.#config.serverName,
    });
    return { type: "WAIT_FINISHED", authenticated: { ...state.negotiated, signatureScheme }, accepted: false };
  }

  #handleFinished(state: ClientState & { type: "WAIT_FINISHED" }, message: HandshakeMessage): ClientState {
    const { authenticated } = state;
    const { schedule, traffic, handshakeSecret } = authenticated;
    const expected = schedule.verifyData(traffic.server, this.#transcript.digest());
    const received = parseBody(message, (body) => parseFinished(body, expected.length));
    if (!equalConstantTime(received, expected)) {
      throw alertError("decrypt_error", "finished", ALERTS.decrypt_error.sentence);
    }
    this.#transcript.append(message.bytes);
    this.#channel.readAt(EncryptionLevel.oneRtt);
    const master = schedule.masterSecret(handshakeSecret);
    const flight = this.#transcript.digest();
    const application = schedule.applicationTraffic(master, flight);
    const exporter = schedule.exporter(master, flight);
    if (state.accepted) return this.#complete(authenticated, master, application, exporter);
    return { type: "WAIT_VERDICT", authenticated, master, application, exporter };
  }

  // ---- The client's response ----

  /** The server's flight and its certificate are valid. */
  #complete(
    authenticated: Authenticated,
    master: Uint8Array,
    application: TrafficSecrets,
    exporter: Exporter,
  ): ClientState {
    const { suite, group, alpn, schedule, traffic, signatureScheme, certificateRequest } = authenticated;
    if (certificateRequest !== undefined) {
      const { identity } = this.#config;
      for (const proof of clientProof(identity, certificateRequest, this.#transcript)) {
        this.#channel.send(EncryptionLevel.handshake, proof);
      }
    }
    const finished = emitFinished(schedule.verifyData(traffic.client, this.#transcript.digest()));
    this.#channel.send(EncryptionLevel.handshake, finished);
    this.#transcript.append(finished);

    this.#log("CLIENT_TRAFFIC_SECRET_0", application.client);
    this.#log("SERVER_TRAFFIC_SECRET_0", application.server);
    const secret = { type: "secret", level: EncryptionLevel.oneRtt, suite } as const;
    this.#channel.emit({ ...secret, direction: "write", secret: application.client });
    this.#channel.emit({ ...secret, direction: "read", secret: application.server });
    const { serverName } = this.#config;
    const resumed = authenticated.resumed !== undefined;
    this.#channel.emit({ type: "complete", alpn, suite, group, serverName, signatureScheme, resumed });
    const resumptionMaster = schedule.resumptionMaster(master, this.#transcript.digest());
    const session = { serverName, alpn, suite: suite.name, transportParameters: authenticated.parameters };
    return { type: "CONNECTED", tickets: { schedule, resumptionMaster, session }, exporter };
  }

  #handleNewSessionTicket(state: ClientState & { type: "CONNECTED" }, message: HandshakeMessage): ClientState {
    const ticket = parseBody(message, parseNewSessionTicket);
    const { early_data: limit } = ticket.extensions;
    // RFC 9001 §4.6.1
    if (limit !== undefined && limit !== 0xffff_ffff) {
      throw protocolViolation("new_session_ticket", `max_early_data_size ${limit}`);
    }
    const { schedule, resumptionMaster, session: basis } = state.tickets;
    const psk = schedule.ticketPsk(resumptionMaster, ticket.ticketNonce);
    const session = sessionOf(basis, ticket, psk, this.#now);
    if (session !== undefined) this.#channel.emit({ type: "session", session });
    return state;
  }

  /** Returns the ClientHello as sent, with the offered session. */
  #sendHello(plain: ClientHello, offer: SessionOffer | undefined): ClientHello {
    const hello = offer === undefined ? plain : offer.addTo(plain, this.#awaitsEarlyData, this.#now);
    const bytes = offer === undefined ? emitClientHello(hello) : offer.emit(hello, this.#transcript);
    if (offer !== undefined && this.#awaitsEarlyData) {
      const { transportParameters, alpn } = offer.session;
      this.#channel.emit({ type: "remembered-parameters", bytes: transportParameters, alpn });
      const secret = offer.earlyTraffic(bytes, this.#transcript);
      this.#log("CLIENT_EARLY_TRAFFIC_SECRET", secret);
      const { suite } = offer;
      this.#channel.emit({ type: "secret", level: EncryptionLevel.zeroRtt, direction: "write", suite, secret });
    }
    this.#transcript.append(bytes);
    this.#channel.send(EncryptionLevel.initial, bytes);
    return hello;
  }

  #settleEarlyData(accepted: boolean, alpn: string): void {
    this.#awaitsEarlyData = false;
    this.#channel.emit({ type: "early-data", accepted, alpn });
  }

  #log(label: KeyLogLabel, secret: Uint8Array): void {
    if (this.#config.keyLog !== true) return;
    this.#channel.emit({ type: "key-log", line: keyLogLine(label, this.#random, secret) });
  }
}

const isCertificate = ({ name }: HandshakeMessage): boolean =>
  name === "certificate" || name === "compressed_certificate";

/** The offered session if the server selected it (RFC 8446 §4.2.11). */
function resumedSession(
  offer: SessionOffer | undefined,
  { extensions }: ServerHello,
  suite: CipherSuite,
): SessionOffer | undefined {
  if (extensions.pre_shared_key === undefined) return undefined;
  // `rejectUnsolicited` has checked that there was an offer; it had one identity.
  if (extensions.pre_shared_key !== 0) {
    throw alertError("illegal_parameter", "pre_shared_key", `identity ${extensions.pre_shared_key} was not offered`);
  }
  if (offer!.suite.hash !== suite.hash) {
    throw alertError("illegal_parameter", "pre_shared_key", "the cipher suite has another hash than the session");
  }
  return offer;
}
