/** The messages between the benchmark and its processes. */

import type { CertificateFiles } from "../../interop/certificates.ts";
import type { HttpVersion } from "../../src/host/http/exchange.ts";
import type { Pair } from "./files.ts";

export const VERSIONS: readonly HttpVersion[] = ["http/1.1", "h2", "h3"];

export type CertificateServerOrder =
  | { readonly type: "start"; readonly tls: readonly (CertificateFiles | Pair)[] }
  /** Answered with the log's lines once it has at least this many about certificates that cannot be used. */
  | { readonly type: "kept"; readonly count: number }
  | { readonly type: "resources" };

export interface Resources {
  /** Bytes, after garbage collection. */
  readonly heap: number;
  readonly resident: number;
  readonly descriptors: number;
}

export type CertificateClientOrder =
  /** Sends requests until "stop", which is answered with `LoadFigures`. */
  | {
      readonly type: "load";
      readonly port: number;
      readonly names: readonly string[];
      readonly ca: string;
      readonly rate: number;
    }
  | { readonly type: "stop" }
  /** Opens new connections of each version until they get a certificate of `ca`. Answered with `ProbeDone`. */
  | { readonly type: "probe"; readonly port: number; readonly name: string; readonly ca: string }
  /** Does a number of handshakes, each for one of the names. Answered with `HandshakesDone`. */
  | {
      readonly type: "handshakes";
      readonly port: number;
      readonly names: readonly string[];
      readonly ca: string;
      readonly version: HttpVersion;
      readonly count: number;
    };

export interface LoadFigures {
  readonly requests: number;
  readonly connections: number;
  readonly seconds: number;
  /** The number of failures by message. */
  readonly failures: Readonly<Record<string, number>>;
  /** Milliseconds, with the handshake of new connections. */
  readonly latencies: readonly number[];
}

export interface ProbeDone {
  /** Milliseconds until each version had the certificate, in the order of `VERSIONS`. */
  readonly milliseconds: readonly number[];
  /** Handshakes that got another certificate. */
  readonly others: number;
  readonly failures: readonly string[];
}

export interface HandshakesDone {
  readonly milliseconds: number;
  readonly error?: string;
}
