/**
 * The version of a connection (RFC 9368, RFC 9369 §4): that of the client's first flight, and the compatible one that the
 * server may choose instead. Checks both sides' version_information, so that no attacker can force another version.
 */

import type { Rng } from "../../base/rng.ts";
import { transportError } from "../errors.ts";
import type { VersionInformation } from "../params/index.ts";
import {
  chooseCompatible,
  firstCommon,
  isCompatible,
  supportedVersions,
  VERSION_1,
  withReserved,
} from "../versions/index.ts";
import type { ConnectionConfig } from "./config.ts";
import type { ConnectionOptions } from "./options.ts";

export type VersionOptions = Pick<ConnectionOptions, "role" | "version" | "followsNegotiation"> & {
  readonly config: Pick<ConnectionConfig, "versions">;
};

const fault = (detail: string) => transportError("VERSION_NEGOTIATION_ERROR", "version_information", detail);
const hex = (version: number): string => `0x${version.toString(16)}`;

export class ConnectionVersion {
  readonly original: number;
  #current: number;
  /** True if a Version Negotiation packet made the client try this version. */
  readonly followsNegotiation: boolean;
  readonly #role: "client" | "server";
  /** The configured versions, in our order of preference; undefined to follow the client's. */
  readonly #preferred: readonly number[] | undefined;

  constructor(options: VersionOptions) {
    this.followsNegotiation = options.followsNegotiation === true;
    this.#role = options.role;
    this.original = options.version;
    this.#current = options.version;
    this.#preferred = options.config.versions;
  }

  get #own(): readonly number[] {
    return this.#preferred ?? supportedVersions;
  }

  /** The negotiated version; before negotiation, the original one. */
  get current(): number {
    return this.#current;
  }

  /** True if a client can follow a server that converts its first flight to this version. */
  mayBecome(version: number): boolean {
    return (
      this.#role === "client" &&
      this.#current === this.original &&
      version !== this.original &&
      this.#own.includes(version) &&
      isCompatible(this.original, version)
    );
  }

  /** Our version for a new connection after a Version Negotiation packet; undefined if there is none in common. */
  next(offered: readonly number[]): number | undefined {
    return firstCommon(this.#own, offered);
  }

  become(version: number): void {
    this.#current = version;
  }

  /** The version_information that we send. */
  information(rng: Rng): VersionInformation {
    return { chosen: this.#current, available: withReserved(this.#own, rng) };
  }

  /** A server's choice. Throws VERSION_NEGOTIATION_ERROR if the client's version_information is wrong (RFC 9368 §4). */
  choose(client: VersionInformation | undefined): number {
    if (client === undefined) {
      // RFC 9369 §4: only clients of version 1 may lack the parameter.
      if (this.original !== VERSION_1) throw fault("is missing");
      return this.original;
    }
    if (client.chosen !== this.original) {
      throw fault(`the client chose ${hex(client.chosen)} but uses ${hex(this.original)}`);
    }
    const [preferred, other] =
      this.#preferred === undefined ? [client.available, this.#own] : [this.#own, client.available];
    return chooseCompatible(this.original, preferred, other);
  }

  /** A client's check of the server's version_information (RFC 9368 §4). Throws VERSION_NEGOTIATION_ERROR. */
  checkServer(server: VersionInformation | undefined): void {
    // RFC 9368 §8: a server of version 1 that does not know the parameter supports only version 1.
    if (server === undefined && this.#current !== VERSION_1) throw fault("is missing");
    const { chosen, available } = server ?? { chosen: VERSION_1, available: [VERSION_1] };
    if (chosen !== this.#current) {
      throw fault(`the server chose ${hex(chosen)} but uses ${hex(this.#current)}`);
    }
    if (!this.followsNegotiation) return;
    if (available.length === 0) throw fault("the server lists no version after Version Negotiation");
    // RFC 9368 §4: with the server's true list, this client would have tried the same version.
    const honest = firstCommon(this.#own, [...available, this.#current]);
    if (honest !== this.original) throw fault("the Version Negotiation packet did not list the server's versions");
  }
}
