// The application protocol of a client's QUIC connection, selected by the ALPN result of the handshake (RFC 9001 §8.1).
import { H3Connection, type Settings, StreamClaims } from "../../h3/index.ts";
import type { Connection } from "../../quic/index.ts";
import {
  type NewerDrafts,
  type SessionTerms,
  sessionTerms,
  WebTransportStreams,
  webTransportSettings,
} from "../../webtransport/h3/index.ts";
import type { ConnectionListener, QuicDriver } from "../quic/driver.ts";
import { h3Trace } from "../quic/tracing.ts";
import type { ClientSockets } from "./client-sockets.ts";
import { QuicHttp3Session } from "./h3-session.ts";
import type { ServerFrames } from "./server-frames.ts";
import type { ConnectionTimings } from "./session.ts";
import type { SessionEvent } from "./session-store.ts";

export interface DialedConnection {
  readonly origin: string;
  readonly connection: Connection;
  readonly driver: QuicDriver;
  readonly sockets: ClientSockets;
  readonly timings: ConnectionTimings;
  /** The server's certificates, once they have been verified. */
  readonly chain: () => readonly Uint8Array[] | undefined;
  readonly onChange: () => void;
  readonly onKeyLog: ((line: string) => void) | undefined;
  /** HTTP/3: frames of drafts to read. */
  readonly serverFrames: ServerFrames | undefined;
  /** The settings of the resumed session, if the connection is still early. */
  readonly rememberedSettings: Settings | undefined;
  /** Keeps a session for the next connection with this server. */
  readonly keepSession: (event: SessionEvent, settings: Settings | undefined) => void;
}

/** An application protocol: it handles its connection's events and can be destroyed. */
export interface DialedProtocol extends ConnectionListener {
  destroy(error: Error): void;
}

/** Keyed by ALPN identifier, in order of preference. */
export type ClientProtocols<P extends DialedProtocol> = Readonly<Record<string, (dialed: DialedConnection) => P>>;

/** HTTP/3 for one WebTransport session, and no other requests. */
export const webTransportOnly = (newer: NewerDrafts): ClientProtocols<QuicHttp3Session> => ({
  h3: (dialed) => {
    const { rng, clock } = dialed.driver.environment;
    const { connection } = dialed;
    const claims = new StreamClaims();
    const terms = (): SessionTerms => sessionTerms(newer, h3.peerSettings);
    const webTransport = new WebTransportStreams(connection, claims, () => 0, terms);
    const h3: H3Connection = new H3Connection(connection, {
      rng,
      trace: h3Trace(connection, clock),
      datagrams: connection,
      claims,
      extensionSettings: webTransportSettings(1, newer),
    });
    return new QuicHttp3Session({ ...dialed, h3, webTransport });
  },
});

export const HTTP3_ONLY: ClientProtocols<QuicHttp3Session> = {
  h3: (dialed) => {
    const { rng, clock } = dialed.driver.environment;
    const { connection, rememberedSettings, serverFrames } = dialed;
    const trace = h3Trace(connection, clock);
    const extensionFrames = serverFrames?.types;
    const h3 = new H3Connection(connection, { rng, rememberedSettings, trace, datagrams: connection, extensionFrames });
    return new QuicHttp3Session({ ...dialed, h3 });
  },
};
