/** Builds a client's ClientHello, first and retried, from the configuration (RFC 8446 §4.1.2). */

import type { GroupName, KeyPair } from "../crypto/engine.ts";
import {
  CIPHER_SUITES,
  CLIENT_GROUPS,
  COMPRESSION_ALGORITHMS,
  DEFAULT_CIPHER_SUITES,
  GROUPS,
  LEGACY_VERSION,
  PSK_DHE_KE,
  SIGNATURE_ALGORITHMS,
  TLS_1_3,
} from "./code-points.ts";
import type { TlsClientConfig } from "./handshake.ts";
import type { ClientHello } from "./messages/client-hello.ts";

/** The group for which the client sent a share, and its key pair. */
export interface OfferedShare {
  readonly group: GroupName;
  readonly keyPair: KeyPair;
}

export function makeShare(config: TlsClientConfig, group: GroupName): OfferedShare {
  return { group, keyPair: config.engine.generateKeyPair(group, config.rng) };
}

const shareEntries = ({ group, keyPair }: OfferedShare) => [{ group: GROUPS[group], keyExchange: keyPair.publicKey }];

export function makeClientHello(config: TlsClientConfig, random: Uint8Array, share: OfferedShare): ClientHello {
  const sentName = nameToSend(config.serverName);
  return {
    legacyVersion: LEGACY_VERSION,
    random,
    legacySessionId: new Uint8Array(0), // RFC 9001 §8.4
    cipherSuites: (config.cipherSuites ?? DEFAULT_CIPHER_SUITES).map((name) => CIPHER_SUITES[name].id),
    legacyCompressionMethods: new Uint8Array(1),
    extensions: {
      ...(sentName === undefined ? {} : { server_name: sentName }),
      supported_groups: (config.groups ?? CLIENT_GROUPS).map((name) => GROUPS[name]),
      signature_algorithms: SIGNATURE_ALGORITHMS,
      application_layer_protocol_negotiation: config.alpn,
      supported_versions: [TLS_1_3], // RFC 9001 §4.2: no older version is offered
      // Also without a session: servers send tickets only to clients that can use them (RFC 8446 §4.2.9).
      psk_key_exchange_modes: [PSK_DHE_KE],
      key_share: shareEntries(share),
      quic_transport_parameters: config.transportParameters,
      ...(config.certificateCompression === undefined
        ? {}
        : {
            compress_certificate: config.certificateCompression.algorithms.map((name) => COMPRESSION_ALGORITHMS[name]),
          }),
    },
  };
}

/** The same ClientHello except for what the HelloRetryRequest changes (RFC 8446 §4.1.2). A session must be added again. */
export function retryClientHello(first: ClientHello, share: OfferedShare, cookie: Uint8Array | undefined): ClientHello {
  const { early_data: _, pre_shared_key: __, ...extensions } = first.extensions;
  return {
    ...first,
    extensions: {
      ...extensions,
      key_share: shareEntries(share),
      ...(cookie === undefined ? {} : { cookie }),
    },
  };
}

/** RFC 6066 §3: no literal addresses, no trailing dot. */
function nameToSend(serverName: string): string | undefined {
  const name = serverName.replace(/\.$/, "");
  const isLiteral = name.includes(":") || /^[0-9.]+$/.test(name);
  return name === "" || isLiteral ? undefined : name;
}
