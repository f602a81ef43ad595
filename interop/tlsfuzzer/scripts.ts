/** The scripts of tlsfuzzer that apply to our TLS, and the probes in which it differs from what they expect, with the reason. */

export interface Script {
  /** Between "test-tls13-" and ".py". */
  readonly name: string;
  readonly options?: readonly string[];
  /** The client's key, for a script that needs a server that requests certificates. */
  readonly clientKey?: "rsa" | "p256" | "ed25519";
  readonly differences?: readonly Difference[];
}

export interface Difference {
  readonly probes: RegExp;
  readonly reason: string;
}

const OTHER_GROUPS = "groups other than X25519MLKEM768, X25519, P-256 and P-384";
const OLD_VERSIONS = "TLS 1.2 and older";
const ALL = ["-n", "0"];
const SCHEMES = [
  ...["ecdsa_secp256r1_sha256", "ed25519", "ecdsa_secp384r1_sha384"],
  ...["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"],
  ...["rsa_pkcs1_sha256", "rsa_pkcs1_sha384", "rsa_pkcs1_sha512"],
].join(" ");
const REQUESTED = ["-s", SCHEMES];

export const SCRIPTS: readonly Script[] = [
  { name: "certificate-request", clientKey: "rsa", options: REQUESTED },
  { name: "certificate-verify", clientKey: "rsa", options: REQUESTED },
  { name: "conversation" },
  { name: "count-tickets" },
  {
    name: "crfg-curves",
    differences: [
      { probes: /x448/, reason: OTHER_GROUPS },
      { probes: /^empty x25519/, reason: "an empty share is a decode_error by its syntax (RFC 8446 §4.2.8)" },
    ],
  },
  { name: "ecdhe-curves", differences: [{ probes: /secp521r1|x448/, reason: OTHER_GROUPS }] },
  { name: "ecdsa-in-certificate-verify", clientKey: "p256", options: REQUESTED },
  {
    name: "ecdsa-support",
    differences: [{ probes: /brainpool|secp521r1/, reason: "signature schemes other than ECDSA on P-256 and P-384" }],
  },
  {
    name: "eddsa",
    differences: [
      { probes: /ed448/, reason: "Ed448" },
      { probes: /^ecdsa_secp(256|384)r1_sha\d+ only$/, reason: "a server without a certificate for ECDSA" },
    ],
  },
  { name: "eddsa-in-certificate-verify", clientKey: "ed25519", options: REQUESTED },
  { name: "finished" },
  { name: "hrr" },
  { name: "invalid-ciphers", options: ALL },
  { name: "keyshare-omitted", options: ALL },
  { name: "large-number-of-extensions", options: ALL },
  { name: "legacy-version", options: ALL },
  { name: "mlkem", options: ALL, differences: [{ probes: /secp(256|384)r1mlkem/, reason: OTHER_GROUPS }] },
  // The first of these is what a HelloRetryRequest selects.
  {
    name: "no-unknown-groups",
    options: [...ALL, "--groups", "0x001d,0x0017,0x0018"],
    differences: [
      { probes: /between 4356 and 4611/, reason: "X25519MLKEM768, which we know, is among the unknown groups" },
    ],
  },
  { name: "nociphers", options: ALL },
  { name: "pkcs-signature" },
  { name: "rsa-signatures" },
  { name: "serverhello-random", differences: [{ probes: /ffdhe|x448|secp521r1/, reason: OTHER_GROUPS }] },
  {
    name: "session-resumption",
    differences: [
      { probes: /TLS 1\.2/, reason: OLD_VERSIONS },
      { probes: /PSK_ONLY/, reason: "resumption without a key exchange" },
    ],
  },
  {
    name: "shuffled-extentions",
    options: ALL,
    differences: [
      {
        probes: /^HRR reversed/,
        reason: "of a second ClientHello, our server compares the contents and not the order",
      },
    ],
  },
  {
    name: "signature-algorithms",
    options: ALL,
    differences: [{ probes: /327\d\d /, reason: "with QUIC's extensions, the list is too long to send" }],
  },
  { name: "symetric-ciphers", differences: [{ probes: /_CCM_/, reason: "AES-CCM" }] },
  { name: "unrecognised-groups", options: ALL, differences: [{ probes: /ffdhe/, reason: OTHER_GROUPS }] },
];

/** The other scripts for TLS 1.3, by the reason why they do not apply. */
export const LEFT_OUT: Readonly<Record<string, readonly string[]>> = {
  "the record layer (QUIC carries TLS)": [
    ...[
      "0rtt-garbage",
      "ccs",
      "connection-abort",
      "empty-alert",
      "finished-plaintext",
      "lengths",
      "multiple-ccs-messages",
    ],
    ...["record-layer-limits", "record-padding", "unencrypted-alert", "zero-content-type", "zero-length-data"],
  ],
  "KeyUpdate (RFC 9001 §6 forbids it)": ["keyupdate", "keyupdate-from-server"],
  "client authentication after the handshake (RFC 9001 §4.4 forbids it)": ["post-handshake-auth"],
  "groups other than X25519MLKEM768, X25519, P-256 and P-384": [
    ...["dhe-shared-secret-padding", "ecdhe-brainpool-curves", "ffdhe-groups", "ffdhe-sanity"],
  ],
  "refusing a client because it also offers an obsolete curve": ["obsolete-curves"],
  "signature schemes other than ECDSA, Ed25519 and RSA-PSS with an RSA key for any use": [
    ...["ecdsa-brainpool-in-certificate-verify", "mldsa-in-certificate-verify", "rsapss-signatures"],
  ],
  "certificate compression": ["certificate-compression", "client-certificate-compression"],
  "external pre-shared keys, and pre-shared keys without a key exchange": ["psk_dhe_ke", "psk_ke"],
  "measurement of time": ["minerva"],
  "TLS 1.2 and older": ["non-support", "version-negotiation"],
};
