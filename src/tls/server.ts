/** The server side of the handshake (RFC 8446 §2): each message causes one transition between `ServerState`s. */

import { assertNever, ProtocolError } from "../base/errors.ts";
import { randomBytes } from "../base/rng.ts";
import { type Instant, toSeconds } from "../base/time.ts";
import { equalConstantTime } from "../wire/text.ts";
import { ALERTS, alertError, CRYPTO_ERROR } from "./alerts.ts";
import { callHost } from "./call-host.ts";
import { compressCertificate } from "./certificate-compression.ts";
import { proofOf, verifySignature } from "./certificate-proof.ts";
import { CryptoChannel } from "./channel.ts";
import type { CipherSuite } from "./cipher-suite.ts";
import { GROUPS, LEGACY_VERSION, SIGNATURE_ALGORITHMS, TLS_1_3 } from "./code-points.ts";
import { CompletedTlsServer } from "./completed-server.ts";
import type { Exporter } from "./exporter.ts";
import {
  EncryptionLevel,
  type TicketPolicy,
  type TlsEvent,
  type TlsHandshake,
  type TlsIdentity,
  type TlsServerConfig,
} from "./handshake.ts";
import { type KeyLogLabel, keyLogLine } from "./key-log.ts";
import { KeySchedule } from "./key-schedule.ts";
import { parseCertificate } from "./messages/certificate.ts";
import { emitCertificateRequest } from "./messages/certificate-request.ts";
import { type ClientHello, parseClientHello } from "./messages/client-hello.ts";
import { emitEncryptedExtensions } from "./messages/encrypted-extensions.ts";
import { rejectUnsolicited } from "./messages/extensions.ts";
import { emitFinished, parseFinished } from "./messages/finished.ts";
import { describeMessage, type HandshakeMessage, parseBody } from "./messages/message.ts";
import { emitNewSessionTicket } from "./messages/new-session-ticket.ts";
import { emitServerHello } from "./messages/server-hello.ts";
import {
  type AcceptableHello,
  checkClientHello,
  checkIdentity,
  checkRetriedHello,
  chooseGroup,
  chooseProtocol,
  chooseSuite,
  type IdentityChoice,
  type Retry,
  schemesOf,
} from "./server-choice.ts";
import { acceptsEarlyData, acceptsTickets, findSession, type OfferedSession, resume } from "./server-resumption.ts";
import type { Agreed, ServerState } from "./server-state.ts";
import { TICKET_LIFETIME } from "./tickets.ts";
import { Transcript } from "./transcript.ts";
import { subjectPublicKeyInfo } from "./x509.ts";

export const createTlsServer = (config: TlsServerConfig): TlsHandshake => new TlsServer(config);

const MAX_NAME = 255;

class TlsServer implements TlsHandshake {
  readonly #config: TlsServerConfig;
  readonly #channel = new CryptoChannel();
  readonly #transcript: Transcript;
  #state: ServerState = { type: "START", retry: undefined };
  #transportParameters: Uint8Array | undefined;
  /** What tickets must be bound to. */
  #binding: number | undefined;
  /** On the clock of tickets. */
  #now = 0 as Instant;

  constructor(config: TlsServerConfig) {
    this.#config = config;
    this.#transcript = new Transcript(config.engine);
  }

  get isComplete(): boolean {
    return this.#state.type === "CONNECTED";
  }

  get exporter(): Exporter | undefined {
    return this.#state.type === "CONNECTED" ? this.#state.exporter : undefined;
  }

  get successor(): TlsHandshake | undefined {
    const { exporter } = this;
    return exporter !== undefined && !this.#channel.isPartial ? new CompletedTlsServer(exporter) : undefined;
  }

  pollTransmit() {
    return this.#channel.pollTransmit();
  }

  pollEvent(): TlsEvent | undefined {
    return this.#channel.pollEvent();
  }

  /** Does nothing: the client sends first. */
  start(): void {}

  handleCrypto(level: EncryptionLevel, bytes: Uint8Array, now: Instant): void {
    this.#now = this.#config.wallTime?.(now) ?? now;
    this.#failOnError(() => {
      this.#channel.receive(level, bytes, (message) => {
        this.#state = this.#transition(this.#state, message);
      });
    });
  }

  identitySelected(identity: TlsIdentity | undefined, now: Instant): void {
    this.#now = this.#config.wallTime?.(now) ?? now;
    this.#failOnError(() => {
      const state = this.#state;
      if (state.type !== "WAIT_IDENTITY") throw new TypeError(`no identity is expected in state ${state.type}`);
      this.#state = this.#handleClientHello(state.retry, state.hello, () => identity);
    });
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

  certificateVerdict(failure: { readonly alert: number; readonly reason: string } | undefined, now: Instant): void {
    this.#now = this.#config.wallTime?.(now) ?? now;
    this.#failOnError(() => {
      const state = this.#state;
      const isExpected = state.type === "WAIT_VERDICT" || (state.type === "WAIT_FINISHED" && !state.accepted);
      if (!isExpected) throw new TypeError(`no verdict is expected in state ${state.type}`);
      if (failure !== undefined) {
        const entry = { code: CRYPTO_ERROR + failure.alert, sentence: failure.reason };
        throw new ProtocolError("transport", entry, "certificate");
      }
      this.#state = state.type === "WAIT_VERDICT" ? this.#complete(state.agreed) : { ...state, accepted: true };
    });
  }

  #transition(state: ServerState, message: HandshakeMessage): ServerState {
    switch (state.type) {
      case "START":
        if (message.name === "client_hello") {
          return this.#handleClientHello(state.retry, message, this.#config.selectIdentity);
        }
        break;
      case "WAIT_CERT":
        if (message.name === "certificate") return this.#handleCertificate(state, message);
        break;
      case "WAIT_CV":
        if (message.name === "certificate_verify") return this.#handleCertificateVerify(state, message);
        break;
      case "WAIT_FINISHED":
        if (message.name === "finished") return this.#handleFinished(state, message);
        break;
      case "WAIT_IDENTITY":
      case "WAIT_VERDICT":
      case "CONNECTED":
      case "FAILED":
        break;
      default:
        assertNever(state);
    }
    // Includes EndOfEarlyData (RFC 9001 §8.3) and KeyUpdate (§6) in every state.
    throw alertError("unexpected_message", describeMessage(message), `not allowed in state ${state.type}`);
  }

  #handleClientHello(
    retry: Retry | undefined,
    message: HandshakeMessage,
    selectIdentity: TlsServerConfig["selectIdentity"],
  ): ServerState {
    const hello = checkClientHello(parseBody(message, parseClientHello));
    if (retry !== undefined) checkRetriedHello(retry, hello);
    const tickets = this.#tickets;
    this.#binding ??= tickets?.binding?.() ?? 0;
    const offered = findSession(tickets, hello, this.#binding, this.#now);
    // RFC 8446 §4.1.4: the suite of the HelloRetryRequest stays.
    const suite = retry?.suite ?? chooseSuite(this.#config, hello, offered?.contents.suite);
    const { group, share } = chooseGroup(this.#config, hello);
    const alpn = chooseProtocol(this.#config, hello);
    this.#transportParameters ??= this.#ownParameters(hello.extensions.quic_transport_parameters);
    this.#transcript.selectHash(suite.hash);
    if (share === undefined) {
      // RFC 8446 §4.2.10: a retry rejects early data.
      if (hello.extensions.early_data) this.#channel.emit({ type: "early-data", accepted: false, alpn });
      const session = offered?.contents.suite.hash === suite.hash ? offered.index : undefined;
      return this.#requestShare({ hello, group, suite, session }, message);
    }

    const { server_name: serverName } = hello.extensions;
    const schemes = schemesOf(hello);
    // Also for a session to be resumed: the server may no longer serve that name.
    const selected = callHost("selecting a certificate", () => selectIdentity(serverName, schemes));
    if (selected === "later") {
      this.#channel.emit({ type: "select-identity", serverName, schemes });
      return { type: "WAIT_IDENTITY", retry, hello: message };
    }
    const choice = checkIdentity(hello, selected);
    const answer = this.#config.engine.answerShare(group, share, this.#config.rng);
    if (answer === undefined) throw alertError("illegal_parameter", "key_share", "unusable public key");
    const schedule = new KeySchedule(this.#config.engine, suite.hash);
    const psk = offered && resume(this.#config.engine, offered, suite, hello, message.bytes, this.#transcript);
    const session = psk && offered;
    this.#channel.emit({ type: "peer-parameters", bytes: hello.extensions.quic_transport_parameters });
    this.#transcript.append(message.bytes);
    const acceptsEarly = this.#decideEarlyData(hello, session, suite, alpn, retry !== undefined);
    const secret = { type: "secret", suite } as const;
    if (acceptsEarly) {
      const early = schedule.earlyTraffic(psk!, this.#transcript.digest());
      this.#log(hello, "CLIENT_EARLY_TRAFFIC_SECRET", early);
      this.#channel.emit({ ...secret, level: EncryptionLevel.zeroRtt, direction: "read", secret: early });
    }
    this.#sendServerHello(suite, GROUPS[group], answer.share, session);

    const handshakeSecret = schedule.handshakeSecret(psk, answer.secret);
    const traffic = schedule.handshakeTraffic(handshakeSecret, this.#transcript.digest());
    this.#log(hello, "CLIENT_HANDSHAKE_TRAFFIC_SECRET", traffic.client);
    this.#log(hello, "SERVER_HANDSHAKE_TRAFFIC_SECRET", traffic.server);
    this.#channel.emit({ ...secret, level: EncryptionLevel.handshake, direction: "write", secret: traffic.server });
    this.#channel.emit({ ...secret, level: EncryptionLevel.handshake, direction: "read", secret: traffic.client });
    this.#channel.readAt(EncryptionLevel.handshake);

    this.#sendExtensions(hello, alpn, acceptsEarly, session !== undefined);
    // RFC 8446 §2.2: the server proved its identity in the first connection.
    if (session === undefined) this.#sendCertificate(choice, hello.extensions.compress_certificate);
    this.#send(EncryptionLevel.handshake, emitFinished(schedule.verifyData(traffic.server, this.#transcript.digest())));
    const master = schedule.masterSecret(handshakeSecret);
    const flight = this.#transcript.digest();
    const application = schedule.applicationTraffic(master, flight);
    this.#log(hello, "CLIENT_TRAFFIC_SECRET_0", application.client);
    this.#log(hello, "SERVER_TRAFFIC_SECRET_0", application.server);
    this.#channel.emit({ ...secret, level: EncryptionLevel.oneRtt, direction: "write", secret: application.server });

    const agreed: Agreed = {
      schedule,
      master,
      handshakeSecret: traffic.client,
      clientSecret: application.client,
      completion: {
        type: "complete",
        alpn,
        suite,
        group,
        serverName,
        signatureScheme: session === undefined ? choice.scheme : undefined,
        resumed: session !== undefined,
      },
      acceptsTickets: acceptsTickets(hello),
      exporter: schedule.exporter(master, flight),
    };
    if (this.#config.clientCertificate !== undefined) return { type: "WAIT_CERT", agreed };
    return { type: "WAIT_FINISHED", agreed, accepted: true };
  }

  get #tickets(): TicketPolicy | undefined {
    return this.#config.clientCertificate === undefined ? this.#config.tickets : undefined;
  }

  #decideEarlyData(
    hello: AcceptableHello,
    session: OfferedSession | undefined,
    suite: CipherSuite,
    alpn: string,
    isRetried: boolean,
  ): boolean {
    if (hello.extensions.early_data === undefined) return false;
    const tickets = this.#tickets;
    const accepted =
      session !== undefined &&
      callHost("claiming early data", () =>
        acceptsEarlyData(tickets!, session, hello, { suite, alpn, isRetried }, this.#now),
      );
    this.#channel.emit({ type: "early-data", accepted, alpn });
    return accepted;
  }

  /** RFC 8446 §4.1.4 */
  #requestShare(retry: Retry, message: HandshakeMessage): ServerState {
    this.#transcript.append(message.bytes);
    this.#transcript.replaceWithHash();
    const request = emitServerHello({
      type: "hello_retry_request",
      legacyVersion: LEGACY_VERSION,
      legacySessionIdEcho: new Uint8Array(0),
      cipherSuite: retry.suite.id,
      extensions: { supported_versions: TLS_1_3, key_share: GROUPS[retry.group] },
    });
    this.#send(EncryptionLevel.initial, request);
    return { type: "START", retry };
  }

  #ownParameters(client: Uint8Array): Uint8Array {
    const { transportParameters } = this.#config;
    return typeof transportParameters === "function" ? transportParameters(client) : transportParameters;
  }

  #sendServerHello(
    suite: CipherSuite,
    group: number,
    keyExchange: Uint8Array,
    session: OfferedSession | undefined,
  ): void {
    const hello = emitServerHello({
      type: "server_hello",
      legacyVersion: LEGACY_VERSION,
      random: randomBytes(this.#config.rng, 32),
      legacySessionIdEcho: new Uint8Array(0),
      cipherSuite: suite.id,
      extensions: {
        supported_versions: TLS_1_3,
        key_share: { group, keyExchange },
        ...(session === undefined ? {} : { pre_shared_key: session.index }),
      },
    });
    this.#send(EncryptionLevel.initial, hello);
  }

  #sendExtensions(hello: AcceptableHello, alpn: string, acceptsEarly: boolean, isResumed: boolean): void {
    // RFC 6066 §3: the name is acknowledged, but not when a session is resumed.
    const usedName = hello.extensions.server_name !== undefined && !isResumed;
    const extensions = emitEncryptedExtensions({
      ...(usedName ? { server_name: true } : {}),
      application_layer_protocol_negotiation: alpn,
      ...(acceptsEarly ? { early_data: true } : {}),
      quic_transport_parameters: this.#transportParameters!,
    });
    this.#send(EncryptionLevel.handshake, extensions);
  }

  #sendCertificate({ identity, scheme }: IdentityChoice, algorithms: readonly number[] | undefined): void {
    if (this.#config.clientCertificate !== undefined) {
      const request = { requestContext: new Uint8Array(0), extensions: { signature_algorithms: SIGNATURE_ALGORITHMS } };
      this.#send(EncryptionLevel.handshake, emitCertificateRequest(request));
    }
    const { certificateCompression } = this.#config;
    const compress = (certificate: Uint8Array): Uint8Array =>
      compressCertificate(certificate, algorithms, certificateCompression);
    for (const proof of proofOf(identity, scheme, this.#transcript, "server", compress)) {
      this.#channel.send(EncryptionLevel.handshake, proof);
    }
  }

  #handleCertificate({ agreed }: ServerState & { type: "WAIT_CERT" }, message: HandshakeMessage): ServerState {
    const { requestContext, entries } = parseBody(message, parseCertificate);
    // RFC 8446 §4.4.2
    if (requestContext.length > 0)
      throw alertError("illegal_parameter", "certificate", "another context than requested");
    this.#transcript.append(message.bytes);
    const leaf = entries[0];
    if (leaf === undefined) {
      // RFC 8446 §4.4.2.4
      if (this.#config.clientCertificate === "optional") return { type: "WAIT_FINISHED", agreed, accepted: true };
      throw alertError("certificate_required", "certificate", ALERTS.certificate_required.sentence);
    }
    // The request has no extension that a certificate's could answer.
    for (const { extensions } of entries) rejectUnsolicited(extensions, {});
    const chain = entries.map((entry) => entry.certificate);
    return { type: "WAIT_CV", agreed, chain, publicKey: subjectPublicKeyInfo(leaf.certificate) };
  }

  #handleCertificateVerify(state: ServerState & { type: "WAIT_CV" }, message: HandshakeMessage): ServerState {
    const { agreed, chain, publicKey } = state;
    verifySignature(this.#config.engine, publicKey, message, this.#transcript, "client");
    this.#transcript.append(message.bytes);
    this.#channel.emit({ type: "verify-certificate", chain, serverName: undefined });
    return { type: "WAIT_FINISHED", agreed, accepted: false };
  }

  #handleFinished(state: ServerState & { type: "WAIT_FINISHED" }, message: HandshakeMessage): ServerState {
    const { agreed, accepted } = state;
    const verifyData = agreed.schedule.verifyData(agreed.handshakeSecret, this.#transcript.digest());
    const received = parseBody(message, (body) => parseFinished(body, verifyData.length));
    if (!equalConstantTime(received, verifyData)) {
      throw alertError("decrypt_error", "finished", ALERTS.decrypt_error.sentence);
    }
    this.#transcript.append(message.bytes);
    this.#channel.readAt(EncryptionLevel.oneRtt);
    return accepted ? this.#complete(agreed) : { type: "WAIT_VERDICT", agreed };
  }

  #complete(agreed: Agreed): ServerState {
    const { clientSecret, completion } = agreed;
    // RFC 9001 §5.7: no 1-RTT data is read before the handshake is complete, so its key is withheld until now.
    const { suite } = completion;
    this.#channel.emit({
      type: "secret",
      level: EncryptionLevel.oneRtt,
      direction: "read",
      suite,
      secret: clientSecret,
    });
    this.#channel.emit(completion);
    if (agreed.acceptsTickets) this.#sendTicket(agreed);
    return { type: "CONNECTED", exporter: agreed.exporter };
  }

  /** RFC 8446 §4.6.1 */
  #sendTicket({ schedule, master, completion }: Agreed): void {
    const { rng } = this.#config;
    const tickets = this.#tickets;
    const { suite, alpn, serverName } = completion;
    if (tickets === undefined) return;
    // Longer than any DNS name; the ticket would be as long.
    if (serverName !== undefined && serverName.length > MAX_NAME) return;
    const ticketNonce = Uint8Array.of(0); // distinguishes the tickets of one connection; there is one
    const psk = schedule.ticketPsk(schedule.resumptionMaster(master, this.#transcript.digest()), ticketNonce);
    const ticketAgeAdd = rng.uint32();
    const contents = {
      suite,
      psk,
      binding: tickets.binding?.() ?? 0,
      issuedAt: this.#now,
      ageAdd: ticketAgeAdd,
      serverName,
      alpn,
      earlyContext: tickets.earlyData?.context ?? new Uint8Array(0),
    };
    const message = emitNewSessionTicket({
      ticketLifetime: toSeconds(TICKET_LIFETIME),
      ticketAgeAdd,
      ticketNonce,
      ticket: tickets.keys.seal(contents, this.#now),
      // RFC 9001 §4.6.1: QUIC limits early data by its transport parameters.
      extensions: tickets.earlyData === undefined ? {} : { early_data: 0xffff_ffff },
    });
    this.#channel.send(EncryptionLevel.oneRtt, message);
  }

  #send(level: EncryptionLevel, message: Uint8Array): void {
    this.#transcript.append(message);
    this.#channel.send(level, message);
  }

  #log(hello: ClientHello, label: KeyLogLabel, secret: Uint8Array): void {
    if (this.#config.keyLog !== true) return;
    this.#channel.emit({ type: "key-log", line: keyLogLine(label, hello.random, secret) });
  }
}
