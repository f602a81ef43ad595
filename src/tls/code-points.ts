/**
 * The registered numbers of cipher suites, groups and signature schemes. Messages carry plain numbers so that unknown
 * ones (GREASE, hybrid groups) pass through; these tables define the known ones.
 */

import type { GroupName, SignatureSchemeName } from "../crypto/engine.ts";
import type { CipherSuite, CipherSuiteName } from "./cipher-suite.ts";

/** RFC 8446 §4.2.1 */
export const TLS_1_3 = 0x0304;
/** The constant value of `legacy_version` (RFC 8446 §4.1.2, §4.1.3). */
export const LEGACY_VERSION = 0x0303;

/** RFC 8446 §B.4, in our order of preference. */
export const CIPHER_SUITES: { readonly [N in CipherSuiteName]: CipherSuite & { readonly name: N } } = {
  TLS_AES_128_GCM_SHA256: { name: "TLS_AES_128_GCM_SHA256", id: 0x1301, aead: "aes-128-gcm", hash: "sha256" },
  TLS_AES_256_GCM_SHA384: { name: "TLS_AES_256_GCM_SHA384", id: 0x1302, aead: "aes-256-gcm", hash: "sha384" },
  TLS_CHACHA20_POLY1305_SHA256: {
    name: "TLS_CHACHA20_POLY1305_SHA256",
    id: 0x1303,
    aead: "chacha20-poly1305",
    hash: "sha256",
  },
};

/** RFC 8446 §4.2.7, draft-ietf-tls-ecdhe-mlkem, in a server's order of preference. */
export const GROUPS: Readonly<Record<GroupName, number>> = {
  x25519mlkem768: 0x11ec,
  x25519: 0x001d,
  secp256r1: 0x0017,
  secp384r1: 0x0018,
};

/** RFC 8446 §4.2.3: the schemes that may sign a CertificateVerify, in our order of preference. */
export const SIGNATURE_SCHEMES: Readonly<Record<SignatureSchemeName, number>> = {
  ecdsa_secp256r1_sha256: 0x0403,
  ed25519: 0x0807,
  ecdsa_secp384r1_sha384: 0x0503,
  rsa_pss_rsae_sha256: 0x0804,
  rsa_pss_rsae_sha384: 0x0805,
  rsa_pss_rsae_sha512: 0x0806,
};

/** RFC 8879 §7.3 */
export const COMPRESSION_ALGORITHMS = { zlib: 1, brotli: 2 } as const;
export type CompressionAlgorithm = keyof typeof COMPRESSION_ALGORITHMS;

/** RFC 8446 §4.2.9: a pre-shared key together with a key exchange, the only mode here. */
export const PSK_DHE_KE = 1;

/** RFC 8446 §4.2.3: rsa_pkcs1_sha256, 384 and 512 may sign certificates but not handshakes. */
const CERTIFICATE_ONLY_SCHEMES: readonly number[] = [0x0401, 0x0501, 0x0601];

export const DEFAULT_CIPHER_SUITES = Object.keys(CIPHER_SUITES) as readonly CipherSuiteName[];
export const SERVER_GROUPS = Object.keys(GROUPS) as readonly GroupName[];
/** Without the hybrid group, whose share makes a ClientHello too long for one datagram. */
export const CLIENT_GROUPS: readonly GroupName[] = ["x25519", "secp256r1", "secp384r1"];
export const ALL_SIGNATURE_SCHEMES = Object.keys(SIGNATURE_SCHEMES) as readonly SignatureSchemeName[];

/** What signature_algorithms lists. */
export const SIGNATURE_ALGORITHMS: readonly number[] = [
  ...ALL_SIGNATURE_SCHEMES.map((name) => SIGNATURE_SCHEMES[name]),
  // Most web chains are signed with these; without signature_algorithms_cert this list covers them too.
  ...CERTIFICATE_ONLY_SCHEMES,
];

/** The name of a number. */
export function nameOf<N extends string>(table: Readonly<Record<N, number>>, id: number): N | undefined {
  for (const name in table) if (table[name] === id) return name;
  return undefined;
}

/** A code point in its usual notation: 0x001d. */
export const formatCodePoint = (id: number): string => `0x${id.toString(16).padStart(4, "0")}`;
