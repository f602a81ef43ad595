/** The values of TESTCASE in the public QUIC interop runner, and what each requires of client and server. */

import type { QuicDialerOptions } from "../../src/host/client/h3-connector.ts";
import type { RetryPolicy } from "../../src/host/http/listener.ts";
import type { QuicServerOptions } from "../../src/host/quic/quic-options.ts";

export interface ClientCase {
  readonly protocol: "hq-interop" | "h3";
  /**
   * "one" for all files; "for each" file its own; "resumed": one for the first file, and one that resumes its session for
   * all others.
   */
  readonly connections: "one" | "for each" | "resumed";
  /** Sends the requests of a resumed connection in 0-RTT data. */
  readonly earlyData?: true;
  readonly updatesKeys?: true;
  readonly quic: Pick<QuicDialerOptions, "version" | "versions" | "cipherSuites" | "maxDatagramSize">;
}

export interface ServerCase {
  readonly retry?: RetryPolicy;
  /** Prefers other addresses of its own to the one that the client contacted. */
  readonly prefersAddress?: true;
  readonly quic: Pick<QuicServerOptions, "versions">;
}

export interface TestCase {
  readonly client: ClientCase;
  readonly server: ServerCase;
  /** The sockets must support ECN. */
  readonly needsEcn?: true;
}

interface Difference {
  readonly client?: Partial<ClientCase>;
  readonly server?: Partial<ServerCase>;
  readonly needsEcn?: true;
}

/** The runner rejects packets of any other version, except in the case of version 2. */
const ONLY_V1 = { versions: ["v1"] } as const;

const testCase = ({ client, server, ...other }: Difference = {}): TestCase => ({
  client: { protocol: "hq-interop", connections: "one", quic: ONLY_V1, ...client },
  server: { retry: "never", quic: ONLY_V1, ...server },
  ...other,
});

const CASES: Readonly<Record<string, TestCase>> = {
  handshake: testCase(),
  transfer: testCase(),
  chacha20: testCase({ client: { quic: { ...ONLY_V1, cipherSuites: ["TLS_CHACHA20_POLY1305_SHA256"] } } }),
  keyupdate: testCase({ client: { updatesKeys: true } }),
  retry: testCase({ server: { retry: "always" } }),
  resumption: testCase({ client: { connections: "resumed" } }),
  // The runner limits the client's bytes in 1-RTT packets, and probes of the path MTU are large.
  zerortt: testCase({
    client: { connections: "resumed", earlyData: true, quic: { ...ONLY_V1, maxDatagramSize: 1200 } },
  }),
  http3: testCase({ client: { protocol: "h3" } }),
  ecn: testCase({ needsEcn: true }),
  multiconnect: testCase({ client: { connections: "for each" } }),
  v2: testCase({
    client: { quic: { version: "v1", versions: ["v2", "v1"] } },
    server: { quic: { versions: ["v2", "v1"] } },
  }),
  connectionmigration: testCase({ server: { prefersAddress: true } }),
};

/** Undefined if the case is unknown. */
export const testCaseNamed = (name: string): TestCase | undefined =>
  Object.hasOwn(CASES, name) ? CASES[name] : undefined;
