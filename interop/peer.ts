/** The interface of a peer and of its roles. */

import type { CellFolder } from "./cell.ts";
import type { LoopbackHost } from "./loopback.ts";
import type { Role } from "./result.ts";

export type HttpName = "h3" | "h2" | "http/1.1";
/** HTTP/0.9 (hq-interop) only for peers with that feature. */
export type ProtocolName = HttpName | "hq-interop";

/** Features that not every peer has, per role. All others are required. */
export type Feature =
  | "chacha20"
  | "certificates"
  | "early-data"
  | "ecn"
  | "h2"
  | "hq-interop"
  | "http/1.1"
  | "hybrid"
  | "key-update"
  | "migration"
  | "page"
  | "rebinding"
  | "resumption"
  | "retry"
  | "upgrade"
  | "version-2";

/** How a connection gets to version 2: from its first packet, or because the server converts a first flight of version 1. */
export type Version2 = "from the start" | "by upgrade";

/** The idle timeout in milliseconds, of the handshake too: on a link that loses 30 %, some handshakes need minutes. */
export const LOSSY_IDLE = 290_000;

export interface Download {
  /** IPv4 by default. */
  readonly host?: LoopbackHost;
  readonly port: number;
  /** Requested at the same time, on one connection. */
  readonly paths: readonly string[];
  readonly protocol: ProtocolName;
  /** Offers only this cipher suite. */
  readonly cipher?: "chacha20";
  /** Updates its keys soon after the handshake. */
  readonly keyUpdate?: true;
  readonly version2?: Version2;
  /** Changes the client's address: on purpose during the download, or as a NAT would before it. */
  readonly moves?: "on purpose" | "behind a NAT";
  /** Downloads twice, the second time on a connection that resumes the session of the first, "early" with 0-RTT. */
  readonly resume?: Resumption;
  /** The path loses so much that a handshake may take longer than is normal. */
  readonly isLossy?: true;
}

/** Which side ends a session; also its path. */
export type Closer = "client-closes" | "server-closes";

/** What a side knows of a session whose exercise went as it should. */
export interface EndedSession {
  /** The subprotocol; "" without one. */
  readonly protocol: string;
  readonly closeCode: number;
  readonly reason: string;
}

export type Resumption = "session" | "early";

export interface Downloaded {
  /** Hexadecimal, one per path, in the same order. */
  readonly sha256: readonly string[];
  /** The protocol as reported by the peer, in our notation. */
  readonly protocol: ProtocolName;
  /** The number of connections made, if the peer reports it. */
  readonly connections?: number;
  /** A remark for the details column of the matrix. */
  readonly remark?: string;
}

/** Causes for features that a role does not have, where the name of the feature does not tell. */
export type Causes = Readonly<Partial<Record<Feature, string>>>;

/** Sessions in which both sides do what `webtransport/exercise.ts` describes. */
export interface WebTransportClient {
  /** It needs a server that announces draft 15. */
  readonly needsDraft15?: true;
  /** It is to run over a WebSocket: the server has no UDP. */
  readonly withoutUdp?: true;
  open(port: number, closer: Closer, cell: CellFolder): Promise<EndedSession>;
}

export interface SessionSettings {
  readonly announcesDraft15?: true;
  readonly withoutUdp?: true;
}

export interface WebTransportServer {
  start(settings: ServerSettings & SessionSettings, cell: CellFolder): Promise<SessionServer>;
}

export interface SessionServer extends AsyncDisposable {
  readonly port: number;
  /** The next session to end; they end in the order of their calls. */
  ended(): Promise<EndedSession>;
}

export interface ClientRole {
  readonly features: ReadonlySet<Feature>;
  readonly causes?: Causes | undefined;
  download(request: Download, cell: CellFolder): Promise<Downloaded>;
  /** Loads a page with its subresources; returns the protocol of each as reported by the browser. */
  loadPage?(port: number, cell: CellFolder): Promise<readonly string[]>;
  /**
   * A browser without flags that force HTTP/3, which it learns of from Alt-Svc. `visit` loads a path and returns the
   * protocol that carried it. Returns the paths for which the browser's log shows a known alternative service.
   */
  browse?(
    port: number,
    cell: CellFolder,
    use: (visit: (path: string) => Promise<string>) => Promise<void>,
  ): Promise<ReadonlySet<string>>;
}

export interface ServerSettings {
  /** The address to listen on; IPv4 on loopback by default. */
  readonly host?: string;
  /** Path of a PEM file. */
  readonly certFile: string;
  readonly keyFile: string;
  /** Passes requests on to this http origin, instead of serving the site. */
  readonly origin?: string;
  /** HTTP/0.9 instead of HTTP. */
  readonly protocol?: "hq-interop";
  readonly retry?: true;
  readonly cipher?: "chacha20";
  /** Converts first flights of version 1. */
  readonly prefersVersion2?: true;
  /** The path loses so much that a handshake may take longer than is normal. */
  readonly isLossy?: true;
}

export interface RunningServer extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** What it knows of its clients, if it tells. */
  readonly seen?: SeenClients;
}

export interface SeenClients {
  /** A connection resumed a session; a request came in 0-RTT data. */
  readonly resumed: boolean;
  readonly early: boolean;
  /** The key exchange of the last connection. */
  readonly group: unknown;
}

export interface ServerRole {
  readonly features: ReadonlySet<Feature>;
  readonly causes?: Causes | undefined;
  /** Serves the cell's site on loopback as peer.test. */
  start(settings: ServerSettings, cell: CellFolder): Promise<RunningServer>;
}

/** Reads a capture with a key log; returns the types of the HTTP/3 frames in it. */
export interface ReaderRole {
  http3FrameTypes(capture: string, keylog: string, port: number, cell: CellFolder): Promise<ReadonlySet<number>>;
}

export interface Peer {
  readonly version: string;
  readonly webTransport?: {
    /** Why it cannot end a session with a code and reason: then only the other side does. */
    readonly cannotClose?: string;
    readonly client: WebTransportClient;
    /** A browser has none. */
    readonly server?: WebTransportServer;
  };
  readonly client?: ClientRole;
  readonly server?: ServerRole;
  readonly reader?: ReaderRole;
}

export interface PeerEntry {
  readonly name: string;
  /** Its libraries, for the page of results. */
  readonly about: string;
  /** Our roles against this peer. */
  readonly roles: readonly Role[];
  /** Finds the program, installing it if possible; throws a `Skip` with the reason otherwise. */
  install(log: (line: string) => void): Promise<Peer>;
}
