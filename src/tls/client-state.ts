/**
 * The states of a client and what it knows in each. They are named as in the diagram of RFC 8446 §A.1, except
 * WAIT_VERDICT: the server's flight has been read, but the host is still validating the certificate.
 */

import type { SignatureSchemeName } from "../crypto/engine.ts";
import type { CipherSuite } from "./cipher-suite.ts";
import type { OfferedShare } from "./client-offer.ts";
import type { SessionOffer } from "./client-resumption.ts";
import type { Exporter } from "./exporter.ts";
import type { KeySchedule, TrafficSecrets } from "./key-schedule.ts";
import type { ClientHello } from "./messages/client-hello.ts";
import type { SessionBasis } from "./session.ts";

/** What the ServerHello determined. */
interface Keys {
  readonly suite: CipherSuite;
  readonly group: string;
  readonly schedule: KeySchedule;
  readonly handshakeSecret: Uint8Array;
  readonly traffic: TrafficSecrets;
  /** The session that the server resumed; undefined for a full handshake. */
  readonly resumed: SessionOffer | undefined;
}

/** What the EncryptedExtensions and the server's certificate messages added. */
interface Negotiated extends Keys {
  readonly alpn: string;
  /** The server's quic_transport_parameters. */
  readonly parameters: Uint8Array;
  /** The signature schemes of a CertificateRequest; undefined if there was none. */
  readonly certificateRequest: readonly number[] | undefined;
}

export interface Authenticated extends Negotiated {
  /** Undefined if a session was resumed. */
  readonly signatureScheme: SignatureSchemeName | undefined;
}

/** What sessions of later tickets consist of. */
export interface TicketBasis {
  readonly schedule: KeySchedule;
  readonly resumptionMaster: Uint8Array;
  readonly session: SessionBasis;
}

export type ClientState =
  | { readonly type: "START" }
  | {
      readonly type: "WAIT_SH";
      readonly hello: ClientHello;
      readonly share: OfferedShare;
      readonly offer: SessionOffer | undefined;
      /** The suite of a HelloRetryRequest, if one was answered. */
      readonly retrySuite: CipherSuite | undefined;
    }
  | { readonly type: "WAIT_EE"; readonly hello: ClientHello; readonly keys: Keys }
  | { readonly type: "WAIT_CERT_CR"; readonly hello: ClientHello; readonly negotiated: Negotiated }
  | { readonly type: "WAIT_CERT"; readonly hello: ClientHello; readonly negotiated: Negotiated }
  | {
      readonly type: "WAIT_CV";
      readonly negotiated: Negotiated;
      readonly chain: readonly Uint8Array[];
      readonly publicKey: Uint8Array;
    }
  | { readonly type: "WAIT_FINISHED"; readonly authenticated: Authenticated; readonly accepted: boolean }
  | {
      readonly type: "WAIT_VERDICT";
      readonly authenticated: Authenticated;
      readonly master: Uint8Array;
      readonly application: TrafficSecrets;
      readonly exporter: Exporter;
    }
  | { readonly type: "CONNECTED"; readonly tickets: TicketBasis; readonly exporter: Exporter }
  | { readonly type: "FAILED" };
