/** Why a flag of the runner is unimplemented: what Nagare's TLS leaves out, by the flags that ask for it. */

const REASONS: readonly (readonly [RegExp, string])[] = [
  [/^-(handshake|on-shim|on-handshaker|handshaker)/, "handshake hints (BoringSSL's split handshake)"],
  [/ech/, "Encrypted Client Hello"],
  [/psk/, "external pre-shared keys"],
  [/pake/, "password-authenticated key exchange"],
  [/rpk|cert-types|certificate-type/, "raw public keys"],
  [/ocsp/, "OCSP stapling"],
  [/signed-cert-timestamps/, "signed certificate timestamps"],
  [/application-settings|alps/, "application settings (ALPS)"],
  [/channel-id/, "Channel ID"],
  [/npn|next-proto/, "Next Protocol Negotiation"],
  [/srtp/, "SRTP"],
  [/delegated/, "delegated credentials"],
  [/trust-anchors?|match-issuer|cert-properties/, "trust anchor identifiers"],
  [/cert-compression/, "certificate compression"],
  [/export|tls-unique/, "exporters"],
  [/early-write/, "writing early data at a later time"],
  [/fips|wpa|cnsa/, "BoringSSL's compliance policies"],
  [/max-cert-list/, "a limit on the size of certificate chains"],
  [/peer-verify-pref/, "reporting the signature schemes that the peer accepts"],
  [/server-preference/, "a server without preferences of its own"],
  [/ticket|session-id|renew/, "BoringSSL's ticket callbacks and session cache"],
  [
    /renegotiat|fallback|extended-master|cbc|false-start|legacy-server|no-tls13|^-psk|^-cipher$|jdk11/,
    "TLS 1.2 and older",
  ],
  [/reverify/, "verifying a certificate again on resumption (the first verdict holds)"],
  [/key-update/, "KeyUpdate (RFC 9001 §6 forbids it)"],
  [/close-notify|fragment|record|send-alert|unfinished|partial-write/, "the record layer (QUIC carries TLS)"],
  [/key-shares|groups-hint|curves-flags/, "choosing the groups of the key shares apart from the offered groups"],
  [/client-ca|sha256-client-cert/, "certificate authorities in certificate requests"],
  [/grease|permute/, "GREASE and permuted extensions in what we send"],
  [/callback|ddos/, "BoringSSL's callbacks"],
  [/padding/, "padding of the server's flight"],
  [/across-names/, "resumption across names"],
  [/alpn/, "BoringSSL's ALPN interface"],
  [/server-name/, "leaving the server's name unacknowledged"],
];

export const reasonFor = (flag: string): string =>
  REASONS.find(([pattern]) => pattern.test(flag))?.[1] ?? `the flag ${flag}`;
