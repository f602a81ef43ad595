/**
 * How a server evaluates a ClientHello (RFC 8446 §4.1.1, §9.2): the checks that every ClientHello must pass, and the
 * choice of suite, group, protocol and identity. Pure functions of the message and the configuration.
 */

import type { GroupName, SignatureSchemeName } from "../crypto/engine.ts";
import { equalBytes } from "../wire/text.ts";
import { alertError } from "./alerts.ts";
import type { CipherSuite } from "./cipher-suite.ts";
import {
  ALL_SIGNATURE_SCHEMES,
  CIPHER_SUITES,
  DEFAULT_CIPHER_SUITES,
  formatCodePoint,
  GROUPS,
  LEGACY_VERSION,
  SERVER_GROUPS,
  SIGNATURE_SCHEMES,
  TLS_1_3,
} from "./code-points.ts";
import { protocolViolation } from "./errors.ts";
import type { TlsIdentity, TlsServerConfig } from "./handshake.ts";
import { type ClientHello, emitClientHello } from "./messages/client-hello.ts";
import type { Extensions } from "./messages/extensions.ts";

/** A ClientHello with everything that a certificate handshake over QUIC requires. */
export interface AcceptableHello extends ClientHello {
  readonly extensions: Extensions<"CH"> &
    Required<
      Pick<Extensions<"CH">, "supported_groups" | "signature_algorithms" | "key_share" | "quic_transport_parameters">
    >;
}

export function checkClientHello(hello: ClientHello): AcceptableHello {
  const { extensions } = hello;
  // RFC 8446 §4.2.1, RFC 9001 §4.2
  if (!extensions.supported_versions?.includes(TLS_1_3)) {
    throw alertError("protocol_version", "client_hello", "TLS 1.3 is not offered");
  }
  // RFC 9846 §4.2.2
  if (hello.legacyVersion !== LEGACY_VERSION) {
    throw alertError("protocol_version", "client_hello", `legacy_version ${formatCodePoint(hello.legacyVersion)}`);
  }
  // RFC 9001 §8.4: no middlebox compatibility mode.
  if (hello.legacySessionId.length > 0) throw protocolViolation("client_hello", "legacy_session_id is not empty");
  // RFC 8446 §4.1.2
  if (!equalBytes(hello.legacyCompressionMethods, Uint8Array.of(0))) {
    throw alertError("illegal_parameter", "client_hello", "legacy_compression_methods is not just null");
  }
  for (const name of REQUIRED) {
    if (extensions[name] === undefined) throw alertError("missing_extension", "client_hello", `no ${name}`);
  }
  // RFC 8446 §4.2.9
  if (extensions.pre_shared_key !== undefined && extensions.psk_key_exchange_modes === undefined) {
    throw alertError("missing_extension", "client_hello", "pre_shared_key without psk_key_exchange_modes");
  }
  // RFC 8446 §4.2.2: a cookie must come from a HelloRetryRequest; this server never sends one.
  if (extensions.cookie !== undefined)
    throw alertError("illegal_parameter", "cookie", "the server did not send a cookie");
  checkShares(hello as AcceptableHello);
  return hello as AcceptableHello;
}

/** RFC 8446 §9.2; the last one by RFC 9001 §8.2. */
const REQUIRED = ["signature_algorithms", "supported_groups", "key_share", "quic_transport_parameters"] as const;

/** RFC 8446 §4.2.8: one share per group, only for offered groups. Applies to hybrid and GREASE groups too. */
function checkShares({ extensions }: AcceptableHello): void {
  const groups = new Set<number>();
  // A ClientHello has room for thousands of each.
  const supported = new Set(extensions.supported_groups);
  for (const { group } of extensions.key_share) {
    if (groups.has(group))
      throw alertError("illegal_parameter", "key_share", `duplicate share of ${formatCodePoint(group)}`);
    if (!supported.has(group)) {
      throw alertError("illegal_parameter", "key_share", `${formatCodePoint(group)} is not in supported_groups`);
    }
    groups.add(group);
  }
}

/** `preferred` is the suite of the session to be resumed: its early data needs exactly that one. */
export function chooseSuite(
  config: TlsServerConfig,
  hello: AcceptableHello,
  preferred: CipherSuite | undefined,
): CipherSuite {
  const common = (config.cipherSuites ?? DEFAULT_CIPHER_SUITES).filter((candidate) =>
    hello.cipherSuites.includes(CIPHER_SUITES[candidate].id),
  );
  const name = common.find((candidate) => candidate === preferred?.name) ?? common[0];
  if (name === undefined) throw alertError("handshake_failure", "client_hello", "no cipher suite in common");
  return CIPHER_SUITES[name];
}

/** The group to use, and the client's share of it; without a share the client must be asked for one. */
export interface GroupChoice {
  readonly group: GroupName;
  readonly share: Uint8Array | undefined;
}

/** Prefers a group with a share over a better one without, because that saves a round trip (RFC 8446 §4.2.8). */
export function chooseGroup(config: TlsServerConfig, { extensions }: AcceptableHello): GroupChoice {
  const groups = config.groups ?? SERVER_GROUPS;
  for (const group of groups) {
    const entry = extensions.key_share.find((offered) => offered.group === GROUPS[group]);
    if (entry !== undefined) return { group, share: entry.keyExchange };
  }
  const group = groups.find((candidate) => extensions.supported_groups.includes(GROUPS[candidate]));
  if (group === undefined) throw alertError("handshake_failure", "client_hello", "no group in common");
  return { group, share: undefined };
}

/** RFC 7301 §3.2; QUIC requires a result (RFC 9001 §8.1). */
export function chooseProtocol(config: TlsServerConfig, { extensions }: AcceptableHello): string {
  const offered = extensions.application_layer_protocol_negotiation ?? [];
  const alpn = config.alpn.find((candidate) => offered.includes(candidate));
  if (alpn === undefined) {
    throw alertError("no_application_protocol", "client_hello", `offered: ${offered.join(", ") || "none"}`);
  }
  return alpn;
}

export interface IdentityChoice {
  readonly identity: TlsIdentity;
  readonly scheme: SignatureSchemeName;
}

/** The signature schemes that the client can verify. */
export function schemesOf({ extensions }: AcceptableHello): readonly SignatureSchemeName[] {
  const { signature_algorithms: algorithms } = extensions;
  const schemes = ALL_SIGNATURE_SCHEMES.filter((candidate) => algorithms.includes(SIGNATURE_SCHEMES[candidate]));
  if (schemes.length === 0) throw alertError("handshake_failure", "client_hello", "no signature scheme in common");
  return schemes;
}

/** The host's identity for the name, and a scheme that its key and the client share. */
export function checkIdentity(hello: AcceptableHello, identity: TlsIdentity | undefined): IdentityChoice {
  const { server_name: name } = hello.extensions;
  const schemes = schemesOf(hello);
  if (identity === undefined) {
    // RFC 6066 §3, RFC 8446 §9.2
    if (name === undefined) throw alertError("missing_extension", "client_hello", "a server_name is required");
    throw alertError("unrecognized_name", "client_hello", `no certificate for ${name}`);
  }
  const scheme = identity.signer.schemes.find((candidate) => schemes.includes(candidate));
  if (scheme === undefined) {
    throw alertError("handshake_failure", "client_hello", "the client cannot verify the certificate's signatures");
  }
  return { identity, scheme };
}

/** The ClientHello that a HelloRetryRequest answered, and what that request selected. */
export interface Retry {
  readonly hello: ClientHello;
  readonly group: GroupName;
  readonly suite: CipherSuite;
  /** The index of the pre-shared key that the suite can resume. */
  readonly session: number | undefined;
}

/**
 * RFC 8446 §4.1.2: a second ClientHello repeats the first except for what the HelloRetryRequest changes. Compares only
 * what this server has read; some of the rest (padding, an encrypted inner hello) may differ.
 */
export function checkRetriedHello(retry: Retry, second: AcceptableHello): void {
  const { hello: first, group } = retry;
  const { key_share: shares, early_data } = second.extensions;
  if (shares.length !== 1 || shares[0]!.group !== GROUPS[group]) {
    throw alertError("illegal_parameter", "key_share", `not exactly the requested share of ${group}`);
  }
  if (early_data !== undefined) throw alertError("illegal_parameter", "early_data", "early data after a retry");
  if (!equalBytes(emitClientHello(withoutChangeable(first)), emitClientHello(withoutChangeable(second)))) {
    throw alertError("illegal_parameter", "client_hello", "the second ClientHello differs from the first");
  }
  checkRetriedKeys(retry, second);
}

/** A client removes only pre-shared keys that the suite of the HelloRetryRequest excludes, and adds none. */
function checkRetriedKeys({ hello: first, session }: Retry, { extensions }: AcceptableHello): void {
  const kept = extensions.pre_shared_key?.identities ?? [];
  let next = 0;
  for (const [index, { identity }] of (first.extensions.pre_shared_key?.identities ?? []).entries()) {
    if (next < kept.length && equalBytes(kept[next]!.identity, identity)) next++;
    else if (index === session) throw alertError("missing_extension", "pre_shared_key", "a usable key was removed");
  }
  if (next < kept.length) throw alertError("illegal_parameter", "pre_shared_key", "a key that was not offered before");
}

/** A ClientHello without the parts that may change on a retry. */
function withoutChangeable(hello: ClientHello): ClientHello {
  const { unknown, key_share, early_data, padding, pre_shared_key, ...extensions } = hello.extensions;
  return { ...hello, extensions };
}
