/** What a peer is, and what its two roles owe a case. */

import type { CellFolder } from "./cell.ts";
import type { Role } from "./result.ts";

export type ProtocolName = "h3" | "h2" | "http/1.1";

/** What not every peer can do, by role. Anything else, each can. */
export type Feature = "chacha20" | "certificates" | "h2" | "http/1.1" | "key-update" | "page" | "retry";

export interface Download {
  readonly port: number;
  /** Asked for at once, on one connection. */
  readonly paths: readonly string[];
  readonly protocol: ProtocolName;
  /** Offers this cipher suite alone. */
  readonly cipher?: "chacha20";
  /** Changes its keys soon after the handshake. */
  readonly keyUpdate?: true;
}

export interface Downloaded {
  /** Hexadecimal, one for each path, in the same order. */
  readonly sha256: readonly string[];
  /** As the peer itself names what it spoke, in our words. */
  readonly protocol: ProtocolName;
  /** Connections that it made, where it says so. */
  readonly connections?: number;
  /** Anything else worth reading in the matrix's details. */
  readonly remark?: string;
}

export interface ClientRole {
  readonly features: ReadonlySet<Feature>;
  download(ask: Download, cell: CellFolder): Promise<Downloaded>;
  /** A page with its sub-resources: the protocol that carried each, by the browser's own account. */
  loadPage?(port: number, cell: CellFolder): Promise<readonly string[]>;
}

export interface ServerSettings {
  /** PEM files. */
  readonly certFile: string;
  readonly keyFile: string;
  readonly retry?: true;
  readonly cipher?: "chacha20";
}

export interface RunningServer extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

export interface ServerRole {
  readonly features: ReadonlySet<Feature>;
  /** Serves the cell's site on loopback as peer.test. */
  start(settings: ServerSettings, cell: CellFolder): Promise<RunningServer>;
}

/** Reads a capture with a key log; gives the types of the HTTP/3 frames it found. */
export interface ReaderRole {
  http3FrameTypes(capture: string, keylog: string, port: number, cell: CellFolder): Promise<ReadonlySet<number>>;
}

export interface Peer {
  readonly version: string;
  readonly client?: ClientRole;
  readonly server?: ServerRole;
  readonly reader?: ReaderRole;
}

export interface PeerEntry {
  readonly name: string;
  /** The sides on which we meet it. */
  readonly roles: readonly Role[];
  /** Finds the program, installing it if that is possible, or throws a `Skip` that says why it cannot be had. */
  install(log: (line: string) => void): Promise<Peer>;
}
