/**
 * One connection of a test: our TLS machine on the runner's transport. After the handshake, the shim returns each byte that it
 * receives inverted, until the runner closes the connection.
 */

import { X509Certificate } from "node:crypto";
import { connect } from "node:net";
import { setImmediate } from "node:timers/promises";
import { ProtocolError } from "../../src/base/errors.ts";
import type { Instant } from "../../src/base/time.ts";
import { ALERTS } from "../../src/tls/alerts.ts";
import { GROUPS, SIGNATURE_SCHEMES, TLS_1_3 } from "../../src/tls/code-points.ts";
import { EncryptionLevel, type TlsEvent, type TlsHandshake } from "../../src/tls/handshake.ts";
import type { ClientSession } from "../../src/tls/session.ts";
import { equalBytes, latin1 } from "../../src/wire/text.ts";
import { alertOf } from "../alert.ts";
import { chainOf } from "./credential.ts";
import type { ConnectionFlags, ShimFlags } from "./flags.ts";
import { type MockRecord, MockTransport, RecordType } from "./transport.ts";

/** The connection did not do what the test demands. */
export class Failure extends Error {}

/** The machine, and what its configuration learned. */
export interface Endpoint {
  readonly machine: TlsHandshake;
  /** Which credential a server chose. */
  readonly selectedCredential: () => number | undefined;
  /** Answers "select-identity". */
  readonly answerIdentity: (now: Instant) => void;
}

type Complete = TlsEvent & { readonly type: "complete" };

export interface Attempt {
  readonly shim: ShimFlags;
  readonly flags: ConnectionFlags;
  readonly isResumption: boolean;
  readonly now: () => Instant;
}

/** Returns the sessions that a client received. */
export async function runConnection(attempt: Attempt, endpoint: Endpoint): Promise<readonly ClientSession[]> {
  const { shim } = attempt;
  const host = shim.isIpv6 ? "::1" : "127.0.0.1";
  const socket = connect({ port: shim.port, host, allowHalfOpen: true, noDelay: true });
  const transport = new MockTransport(socket);
  const id = Buffer.alloc(8);
  id.writeBigUInt64LE(shim.shimId);
  socket.write(id);
  const connection = new Connection(attempt, endpoint, transport);
  try {
    await connection.run();
    return connection.sessions;
  } catch (error) {
    if (error instanceof ProtocolError) transport.sendAlert(alertOf(error));
    throw error;
  } finally {
    await transport.close();
  }
}

class Connection {
  readonly sessions: ClientSession[] = [];
  readonly #shim: ShimFlags;
  #flags: ConnectionFlags;
  readonly #isResumption: boolean;
  readonly #now: () => Instant;
  readonly #endpoint: Endpoint;
  readonly #machine: TlsHandshake;
  readonly #transport: MockTransport;
  #complete: Complete | undefined;
  #parameters: Uint8Array | undefined;
  #chain: readonly Uint8Array[] | undefined;
  #earlyData: "none" | "offered" | "accepted" | "rejected" = "none";
  #hellos = 0;

  constructor({ shim, flags, isResumption, now }: Attempt, endpoint: Endpoint, transport: MockTransport) {
    this.#shim = shim;
    this.#flags = flags;
    this.#isResumption = isResumption;
    this.#now = now;
    this.#endpoint = endpoint;
    this.#machine = endpoint.machine;
    this.#transport = transport;
  }

  async run(): Promise<void> {
    this.#machine.start(this.#now());
    await this.#pump();
    const isEarly = this.#earlyData === "offered";
    if (isEarly && this.#flags.expectsNoOfferedEarlyData) throw new Failure("early data was offered");
    if (isEarly) this.#writeFirst(EncryptionLevel.zeroRtt);
    let hasWritten = isEarly;
    while (!this.#machine.isComplete) {
      const record = await this.#transport.read();
      if (record === undefined) throw new Failure("the runner closed the connection during the handshake");
      await this.#handle(record);
      // Half-RTT data answers early data.
      if (!hasWritten && this.#shim.isServer && this.#earlyData === "accepted") {
        this.#writeFirst(EncryptionLevel.oneRtt);
        hasWritten = true;
      }
    }
    if (isEarly && this.#earlyData === "rejected") {
      this.#flags = this.#shim.retry;
      hasWritten = false;
    }
    this.#check();
    if (!hasWritten) this.#writeFirst(EncryptionLevel.oneRtt);
    if (!this.#flags.shutsDown) {
      for (;;) {
        const record = await this.#transport.read();
        if (record === undefined) break;
        await this.#handle(record);
      }
    }
    if (!this.#shim.isServer) this.#checkSession();
  }

  async #handle({ type, level, content }: MockRecord): Promise<void> {
    if (type === RecordType.handshake) {
      this.#machine.handleCrypto(level, content, this.#now());
      await this.#pump();
    } else if (type === RecordType.applicationData) {
      const isReadable = level === EncryptionLevel.oneRtt || level === EncryptionLevel.zeroRtt;
      if (!isReadable) throw new Failure("application data at a handshake level");
      this.#transport.write(
        type,
        EncryptionLevel.oneRtt,
        content.map((byte) => byte ^ 0xff),
      );
    } else throw new Failure(`a record of type ${type}`);
  }

  /** Does what the machine asks for. */
  async #pump(): Promise<void> {
    for (let event = this.#machine.pollEvent(); event !== undefined; event = this.#machine.pollEvent()) {
      await this.#react(event);
    }
    for (let flight = this.#machine.pollTransmit(); flight !== undefined; flight = this.#machine.pollTransmit()) {
      if (flight.level === EncryptionLevel.initial) this.#hellos++;
      this.#transport.write(RecordType.handshake, flight.level, flight.bytes);
    }
  }

  async #react(event: TlsEvent): Promise<void> {
    switch (event.type) {
      case "secret":
        this.#transport.setSecret(event);
        if (event.level === EncryptionLevel.zeroRtt && event.direction === "write") this.#earlyData = "offered";
        break;
      case "early-data":
        this.#earlyData = event.accepted ? "accepted" : "rejected";
        break;
      case "peer-parameters":
        this.#parameters = event.bytes;
        break;
      case "session":
        this.sessions.push(event.session);
        break;
      case "complete":
        this.#complete = event;
        break;
      case "verify-certificate":
        this.#chain = event.chain;
        if (this.#flags.isAsync) await setImmediate();
        this.#machine.certificateVerdict(this.#verdict(), this.#now());
        break;
      case "select-identity":
        await setImmediate();
        this.#endpoint.answerIdentity(this.#now());
        break;
    }
  }

  #verdict() {
    const { verifiesPeer, failsVerify, usesCustomVerify } = this.#flags;
    if (!failsVerify || !(verifiesPeer || this.#shim.isServer)) return undefined;
    // As BoringSSL's shim answers.
    const alert = usesCustomVerify ? ALERTS.certificate_unknown : ALERTS.handshake_failure;
    return { alert: alert.code, reason: "the certificate is refused" };
  }

  #writeFirst(level: EncryptionLevel): void {
    const { writesFirst, initialWrite, repeatInitialWrite } = this.#flags;
    if (!writesFirst) return;
    for (let written = 0; written < repeatInitialWrite; written++) {
      this.#transport.write(RecordType.applicationData, level, latin1(initialWrite));
    }
  }

  /** Compares the handshake with what the test expects of it. */
  #check(): void {
    const flags = this.#flags;
    const complete = this.#complete!;
    const { isServer } = this.#shim;
    const isRetried = this.#hellos > 1;
    const expect = (what: string, holds: boolean): void => {
      if (!holds) throw new Failure(`not as expected: ${what}`);
    };
    const same = (what: string, wanted: unknown, got: unknown): void => {
      if (wanted !== undefined && wanted !== got) throw new Failure(`${what} is ${got}, not ${wanted}`);
    };
    same("resumption", this.#isResumption && !flags.expectsSessionMiss, complete.resumed);
    same("version", flags.expectedVersion, TLS_1_3);
    same("protocol", isServer ? flags.selectedProtocol : flags.expectedProtocol, complete.alpn);
    same("server name", flags.expectedServerName, complete.serverName);
    same("group", flags.expectedCurve, (GROUPS as Record<string, number>)[complete.group]);
    same("cipher suite", flags.expectedCipher, complete.suite.id);
    // Our client reports the scheme of a full handshake. Our server has verified the client's signature, but reports its own scheme.
    if (!isServer && !complete.resumed) same("signature scheme", flags.expectedSignature, this.#peerScheme());
    same("credential", flags.expectedCredential, this.#endpoint.selectedCredential());
    if (flags.expectedParameters !== undefined) {
      expect("transport parameters", equalBytes(flags.expectedParameters, this.#parameters!));
    }
    if (flags.expectsNoServerName) same("server name", "none", complete.serverName ?? "none");
    if (flags.expectsNoPeerCertificate) expect("no certificate", this.#chain === undefined);
    if (flags.expectedPeerCertFile !== undefined && !complete.resumed) this.#checkChain(flags.expectedPeerCertFile);
    if (isServer && flags.requiresClientCertificate) expect("a certificate", this.#chain !== undefined);
    if (flags.expectsRetry) expect("a HelloRetryRequest", isRetried);
    if (flags.expectsNoRetry) expect("no HelloRetryRequest", !isRetried);
    if (flags.expectsAcceptedEarlyData) same("early data", "accepted", this.#earlyData);
    if (flags.expectsRejectedEarlyData) expect("early data rejected", this.#earlyData !== "accepted");
    if (flags.expectedEarlyDataReason !== undefined) {
      expect(
        `early data: ${flags.expectedEarlyDataReason}`,
        (flags.expectedEarlyDataReason === "accept") === (this.#earlyData === "accepted"),
      );
    }
  }

  #peerScheme(): number | undefined {
    const scheme = this.#complete!.signatureScheme;
    return scheme && SIGNATURE_SCHEMES[scheme];
  }

  #checkChain(file: string): void {
    const expected = chainOf(file);
    const received = this.#chain ?? [];
    const isSame =
      expected.length === received.length && expected.every((each, index) => equalBytes(each, received[index]!));
    if (!isSame) throw new Failure(`the chain is ${received.map((each) => new X509Certificate(each).subject)}`);
  }

  #checkSession(): void {
    const { expectsNoSession, shutsDown, expectsTicketForEarlyData } = this.#flags;
    const wantsSession = !expectsNoSession && !shutsDown;
    const session = this.sessions.at(-1);
    if (wantsSession !== (session !== undefined)) throw new Failure(`${this.sessions.length} sessions`);
    if (session !== undefined && session.allowsEarlyData !== expectsTicketForEarlyData) {
      throw new Failure(`the session's early data is ${session.allowsEarlyData}`);
    }
  }
}
