/** A client that fetches a number of bytes from a server over a simulated link, for the tests in this folder. */

import { createHash } from "node:crypto";
import { SeededRng } from "../../src/base/rng.ts";
import { type Instant, type Micros, millis, seconds } from "../../src/base/time.ts";
import { portableEngine } from "../../src/crypto/portable/index.ts";
import {
  type Connection,
  type ConnectionConfig,
  connectionConfig,
  Endpoint,
  type EndpointEvent,
} from "../../src/quic/index.ts";
import {
  type CaptureRecord,
  host,
  type LinkOptions,
  link,
  type NetworkElement,
  SimulatedNetwork,
} from "../../src/sim/index.ts";
import { createTlsClient, createTlsServer } from "../../src/tls/index.ts";
import { ed25519Identity } from "../../src/tls/testing/identity.ts";

export interface TransferOptions {
  readonly seed: number;
  readonly bytes: number;
  readonly link: LinkOptions;
  readonly maxVirtualTime: Micros;
  readonly config?: Partial<ConnectionConfig>;
  /** Elements between the client and the link. */
  readonly first?: readonly NetworkElement[];
  /** Elements between the link and the server. */
  readonly middle?: readonly NetworkElement[];
  readonly capture?: (record: CaptureRecord) => void;
  /** The handshake timeout of both sides, for links on which a handshake takes long. */
  readonly handshakeTimeout?: Micros;
}

export interface TransferResult {
  readonly handshake: Instant;
  readonly time: Instant;
  readonly digest: string;
  readonly received: number;
  readonly isIdentical: boolean;
  readonly client: Connection;
  readonly server: Connection;
}

const CHUNK = 64 * 1024;

/** The byte at every offset is predictable, so that the receiver detects any other. */
function content(bytes: number, seed: number): Uint8Array {
  const data = new Uint8Array(bytes);
  new SeededRng(seed ^ 0x5eed).fill(data);
  return data;
}

export function transfer(options: TransferOptions): TransferResult {
  const { seed, bytes } = options;
  const rng = new SeededRng(seed);
  const engine = portableEngine;
  const config = connectionConfig({
    engine,
    rng,
    maxIdleTimeout: seconds(60),
    handshakeTimeout: options.handshakeTimeout ?? seconds(60),
    ...options.config,
  });
  const identity = ed25519Identity();
  const server = new Endpoint({
    config,
    server: {
      createTls: (transportParameters) =>
        createTlsServer({ engine, rng, alpn: ["test"], transportParameters, selectIdentity: () => identity }),
    },
  });
  const client = new Endpoint({ config });
  const serverAddress = { family: 4, host: "10.0.0.2", port: 443 } as const;
  const clientAddress = { family: 4, host: "10.0.0.1", port: 50_000 } as const;
  const connection = client.connect(
    {
      local: clientAddress,
      remote: serverAddress,
      createTls: (transportParameters) =>
        createTlsClient({ engine, rng, alpn: ["test"], transportParameters, serverName: "server.test" }),
    },
    0 as Instant,
  );
  const data = content(bytes, seed);
  const hash = createHash("sha256");
  let handshake: Instant | undefined;
  let received = 0;
  let isDone = false;
  let accepted: Connection | undefined;
  let sent = 0;

  const serve = ({ connection: peer, event }: EndpointEvent): void => {
    if (event.type === "accepted") accepted = peer;
    if (event.type !== "stream-readable" && event.type !== "stream-writable") return;
    if (event.type === "stream-readable") while (peer.read(event.id) !== undefined);
    while (sent < bytes && peer.writableBytes(event.id) > 0) {
      const end = Math.min(sent + CHUNK, bytes);
      peer.write(event.id, data.subarray(sent, end), end === bytes);
      sent = end;
    }
  };
  const fetch = ({ event }: EndpointEvent, now: Instant): void => {
    switch (event.type) {
      case "verify-certificate":
        connection.certificateVerdict(undefined, now);
        break;
      case "connected": {
        handshake = now;
        connection.write(connection.openStream("bidi")!, new Uint8Array([1]), true);
        break;
      }
      case "stream-readable":
        for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
          received += chunk.bytes.length;
          hash.update(chunk.bytes);
          isDone ||= chunk.fin;
        }
        break;
      case "closed":
        throw new Error(`the connection ended: ${JSON.stringify(event.reason)}`);
    }
  };
  const network = new SimulatedNetwork({
    seed,
    ...(options.capture === undefined ? {} : { capture: options.capture }),
    network: [
      host<EndpointEvent>({ name: "client", address: clientAddress, machine: client, onEvent: fetch }),
      ...(options.first ?? []),
      link(options.link),
      ...(options.middle ?? []),
      host<EndpointEvent>({ name: "server", address: serverAddress, machine: server, onEvent: serve }),
    ],
  });
  const until = bytes === 0 ? () => handshake !== undefined && accepted?.isHandshakeComplete === true : () => isDone;
  const { time } = network.run({ until, maxVirtualTime: options.maxVirtualTime, maxEvents: 2_000_000 });
  return {
    handshake: handshake!,
    time,
    digest: network.digest,
    received,
    isIdentical: hash.digest("hex") === createHash("sha256").update(data).digest("hex"),
    client: connection,
    server: accepted!,
  };
}

export const LINK: LinkOptions = { rate: 20e6, delay: millis(25), queue: 100 };
