/**
 * The flags with which BoringSSL's runner starts a shim. Each applies to all connections of a test or, with a prefix, to the
 * first (`-on-initial`), to resumptions (`-on-resume`), or to the rest of a connection whose early data was rejected
 * (`-on-retry`). A flag that asks for what Nagare lacks makes the test "unimplemented", with a reason.
 */

import { nameOf, SIGNATURE_SCHEMES, TLS_1_3 } from "../../src/tls/code-points.ts";
import { reasonFor } from "./unsupported.ts";

/** A certificate chain, its key, and the schemes it may sign with. */
export interface CredentialFlags {
  certFile: string | undefined;
  keyFile: string | undefined;
  readonly signingPreferences: number[];
}

/** What one connection does and expects. */
export class ConnectionFlags {
  curves: number[] = [];
  hostName = "";
  advertisedProtocols: string[] = [];
  selectedProtocol: string | undefined;
  transportParameters: Uint8Array | undefined;
  defaultCredential: CredentialFlags = noCredential();
  credentials: CredentialFlags[] = [];

  isAsync = false;
  verifiesPeer = false;
  usesCustomVerify = false;
  failsVerify = false;
  requiresClientCertificate = false;
  enablesEarlyData = false;
  earlyDataContext = "";
  hasNoTicket = false;
  /** Seconds that pass after this connection. */
  resumptionDelay = 0;

  writesFirst = false;
  initialWrite = "hello";
  repeatInitialWrite = 1;
  shutsDown = false;

  expectedProtocol: string | undefined;
  expectedParameters: Uint8Array | undefined;
  expectedServerName: string | undefined;
  expectedVersion: number | undefined;
  expectedCurve: number | undefined;
  expectedCipher: number | undefined;
  expectedSignature: number | undefined;
  expectedCredential: number | undefined;
  expectedPeerCertFile: string | undefined;
  expectedEarlyDataReason: string | undefined;
  expectsSessionMiss = false;
  expectsNoSession = false;
  expectsTicketForEarlyData = false;
  expectsAcceptedEarlyData = false;
  expectsRejectedEarlyData = false;
  expectsNoOfferedEarlyData = false;
  expectsNoServerName = false;
  expectsNoPeerCertificate = false;
  expectsRetry = false;
  expectsNoRetry = false;
}

export interface ShimFlags {
  port: number;
  isIpv6: boolean;
  shimId: bigint;
  isServer: boolean;
  isQuic: boolean;
  resumeCount: number;
  readonly initial: ConnectionFlags;
  readonly resume: ConnectionFlags;
  readonly retry: ConnectionFlags;
}

/** The test needs something that this shim or Nagare does not have. */
export class Unimplemented extends Error {}

function noCredential(): CredentialFlags {
  return { certFile: undefined, keyFile: undefined, signingPreferences: [] };
}

type Apply = (flags: ConnectionFlags, value: string) => void;

const set =
  (change: (flags: ConnectionFlags) => void): Apply =>
  (flags) =>
    change(flags);

const bytes = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, "base64"));

/** The last credential that was begun, or the default one. */
const credentialOf = (flags: ConnectionFlags): CredentialFlags => flags.credentials.at(-1) ?? flags.defaultCredential;

/** Names with a length byte each, as in the extension. */
function protocolList(value: string): string[] {
  const names: string[] = [];
  for (let at = 0; at < value.length; ) {
    const end = at + 1 + value.charCodeAt(at);
    names.push(value.slice(at + 1, end));
    at = end;
  }
  return names;
}

/** Of versions, curves and algorithms, the runner gives decimal numbers. */
const number = Number;

const WITHOUT_VALUE: Readonly<Record<string, Apply>> = {
  "-async": set((flags) => (flags.isAsync = true)),
  "-verify-peer": set((flags) => (flags.verifiesPeer = true)),
  "-use-custom-verify-callback": set((flags) => (flags.usesCustomVerify = true)),
  "-verify-fail": set((flags) => (flags.failsVerify = true)),
  "-require-any-client-certificate": set((flags) => (flags.requiresClientCertificate = true)),
  "-enable-early-data": set((flags) => (flags.enablesEarlyData = true)),
  "-no-ticket": set((flags) => (flags.hasNoTicket = true)),
  "-skip-ticket": set((flags) => (flags.hasNoTicket = true)),
  "-shim-writes-first": set((flags) => (flags.writesFirst = true)),
  "-shim-shuts-down": set((flags) => (flags.shutsDown = true)),
  "-decline-alpn": set((flags) => (flags.selectedProtocol = undefined)),
  "-reject-alpn": set((flags) => (flags.selectedProtocol = undefined)),
  "-new-x509-credential": set((flags) => flags.credentials.push(noCredential())),
  "-expect-session-miss": set((flags) => (flags.expectsSessionMiss = true)),
  "-expect-no-session": set((flags) => (flags.expectsNoSession = true)),
  "-expect-ticket-supports-early-data": set((flags) => (flags.expectsTicketForEarlyData = true)),
  "-expect-accept-early-data": set((flags) => (flags.expectsAcceptedEarlyData = true)),
  "-expect-reject-early-data": set((flags) => (flags.expectsRejectedEarlyData = true)),
  "-expect-no-offer-early-data": set((flags) => (flags.expectsNoOfferedEarlyData = true)),
  "-expect-no-server-name": set((flags) => (flags.expectsNoServerName = true)),
  "-expect-no-peer-cert": set((flags) => (flags.expectsNoPeerCertificate = true)),
  "-expect-hrr": set((flags) => (flags.expectsRetry = true)),
  "-expect-no-hrr": set((flags) => (flags.expectsNoRetry = true)),
};

const WITH_VALUE: Readonly<Record<string, Apply>> = {
  "-curves": (flags, value) => flags.curves.push(number(value)),
  "-host-name": (flags, value) => (flags.hostName = value),
  "-advertise-alpn": (flags, value) => (flags.advertisedProtocols = protocolList(value)),
  "-select-alpn": (flags, value) => (flags.selectedProtocol = value),
  "-expect-alpn": (flags, value) => (flags.expectedProtocol = value),
  "-quic-transport-params": (flags, value) => (flags.transportParameters = bytes(value)),
  "-expect-quic-transport-params": (flags, value) => (flags.expectedParameters = bytes(value)),
  "-quic-early-data-context": (flags, value) => (flags.earlyDataContext = value),
  "-cert-file": (flags, value) => (credentialOf(flags).certFile = value),
  "-key-file": (flags, value) => (credentialOf(flags).keyFile = value),
  "-signing-prefs": (flags, value) => credentialOf(flags).signingPreferences.push(number(value)),
  "-resumption-delay": (flags, value) => (flags.resumptionDelay = number(value)),
  "-shim-initial-write": (flags, value) => (flags.initialWrite = value),
  "-repeat-shim-initial-write": (flags, value) => (flags.repeatInitialWrite = number(value)),
  "-expect-version": (flags, value) => (flags.expectedVersion = number(value)),
  "-expect-server-name": (flags, value) => (flags.expectedServerName = value),
  "-expect-curve-id": (flags, value) => (flags.expectedCurve = number(value)),
  "-expect-cipher": (flags, value) => (flags.expectedCipher = number(value)),
  "-expect-cipher-aes": (flags, value) => (flags.expectedCipher = number(value)),
  "-expect-peer-signature-algorithm": (flags, value) => (flags.expectedSignature = number(value)),
  "-expect-selected-credential": (flags, value) => (flags.expectedCredential = number(value)),
  "-expect-peer-cert-file": (flags, value) => (flags.expectedPeerCertFile = value),
  "-expect-early-data-reason": (flags, value) => (flags.expectedEarlyDataReason = value),
  "-quic-use-legacy-codepoint": (_, value) => {
    if (value !== "0") throw new Unimplemented("the transport parameters' code point of drafts");
  },
  "-verify-prefs": (_, value) => {
    // Ours are accepted at all times; no configuration accepts fewer.
    if (nameOf(SIGNATURE_SCHEMES, number(value)) === undefined) {
      throw new Unimplemented("signature schemes other than ECDSA, Ed25519 and RSA-PSS");
    }
  },
  "-min-version": (_, value) => {
    if (number(value) > TLS_1_3) throw new Unimplemented("a version after TLS 1.3");
  },
  "-max-version": (_, value) => {
    if (number(value) < TLS_1_3) throw new Unimplemented("TLS 1.2 and older");
  },
};

/** Neither the handshake nor what the runner sees depends on these: they select one of BoringSSL's interfaces, or check it. */
const IGNORED = new Set([
  "-implicit-handshake",
  "-handshake-twice",
  "-no-op-extra-handshake",
  "-peek-then-read",
  "-use-old-client-cert-callback",
  "-use-early-callback",
  "-install-ddos-callback",
  "-no-tls1",
  "-no-tls11",
  "-no-tls12",
  "-expect-verify-result",
  // Our tickets are stateless, and each connection gets a new one.
  "-expect-no-session-id",
  "-use-ticket-callback",
  "-use-ticket-aead-callback",
  "-renew-ticket",
  "-allow-hint-mismatch",
]);
const IGNORED_WITH_VALUE = new Set(["-trust-cert", "-read-size", "-expect-cipher-no-aes"]);

export function parseFlags(args: readonly string[], named: (testName: string) => void): ShimFlags {
  const flags: ShimFlags = {
    port: 0,
    isIpv6: false,
    shimId: 0n,
    isServer: false,
    isQuic: false,
    resumeCount: 0,
    initial: new ConnectionFlags(),
    resume: new ConnectionFlags(),
    retry: new ConnectionFlags(),
  };
  const all = [flags.initial, flags.resume, flags.retry];
  const process: Readonly<Record<string, (value: string) => void>> = {
    "-port": (value) => (flags.port = number(value)),
    "-shim-id": (value) => (flags.shimId = BigInt(value)),
    "-resume-count": (value) => (flags.resumeCount = number(value)),
    // From our own addition to the runner.
    "-nagare-test": named,
  };
  let problem: Unimplemented | undefined;
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    const [, prefix, name] = /^(?:-on-(initial|resume|retry))?(-.+)$/.exec(arg) ?? [undefined, undefined, arg];
    const targets = prefix === undefined ? all : [flags[prefix as "initial" | "resume" | "retry"]];
    const hasValue = WITH_VALUE[name!] ?? process[name!];
    try {
      if (name === "-server") flags.isServer = true;
      else if (name === "-quic") flags.isQuic = true;
      else if (name === "-ipv6") flags.isIpv6 = true;
      else if (process[name!] !== undefined) process[name!]!(args[++at]!);
      else if (hasValue !== undefined) {
        const value = args[++at]!;
        for (const target of targets) WITH_VALUE[name!]!(target, value);
      } else if (WITHOUT_VALUE[name!] !== undefined) for (const target of targets) WITHOUT_VALUE[name!]!(target, "");
      else if (IGNORED_WITH_VALUE.has(name!)) at++;
      else if (!IGNORED.has(name!)) throw new Unimplemented(reasonFor(name!));
    } catch (error) {
      if (!(error instanceof Unimplemented)) throw error;
      // The rest is still read, for the name of the test; whether this flag has a value does not matter for that.
      problem ??= error;
    }
  }
  if (problem !== undefined) throw problem;
  return flags;
}
