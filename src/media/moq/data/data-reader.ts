/** Unidirectional streams with objects, cut anywhere: subgroups, fetches, padding. Payloads pass through in the pieces in which they come. */

import { ByteWriter } from "../byte-writer.ts";
import { readWhole, violation } from "../errors.ts";
import type { Dialect } from "../fields.ts";
import { readCode } from "../integers.ts";
import { Pending } from "../pending.ts";
import { FETCH_HEADER, type FetchGap, type FetchObject, FetchObjects } from "./fetch-objects.ts";
import { isSubgroupType, readSubgroupHeader, type SubgroupHeader } from "./subgroup-header.ts";
import { type SubgroupObject, SubgroupObjects } from "./subgroup-objects.ts";

/** The type of a stream of zeros, from draft 18 on. */
export const PADDING_STREAM = 0x132b3e28;

export type DataEvent =
  | { readonly type: "subgroup"; readonly header: SubgroupHeader }
  | { readonly type: "fetch"; readonly requestId: number }
  | { readonly type: "padding" }
  | { readonly type: "subgroup-object"; readonly object: SubgroupObject }
  | { readonly type: "fetch-object"; readonly object: FetchObject }
  | { readonly type: "gap"; readonly gap: FetchGap }
  /** A piece of the payload of the last object; `isLast` if it is complete. A view, valid until the next push. */
  | { readonly type: "payload"; readonly bytes: Uint8Array; readonly isLast: boolean };

type Body =
  | { readonly type: "unknown" }
  | { readonly type: "subgroup"; readonly objects: SubgroupObjects }
  | { readonly type: "fetch"; readonly objects: FetchObjects }
  | { readonly type: "padding" };

/** Push bytes, then poll until there are no events: what is not polled is kept. */
export class DataReader {
  readonly #dialect: Dialect;
  readonly #orderOf: (requestId: number) => "ascending" | "descending";
  readonly #pending = new Pending();
  #body: Body = { type: "unknown" };
  #payloadLeft = 0;
  #hasBegun = false;

  /** `orderOf` tells the group order of a fetch, by its request id; ascending by default. */
  constructor(dialect: Dialect, orderOf: (requestId: number) => "ascending" | "descending" = () => "ascending") {
    this.#dialect = dialect;
    this.#orderOf = orderOf;
  }

  /** Bytes that wait for more. */
  get held(): number {
    return this.#pending.length;
  }

  /** Takes bytes, cut anywhere. */
  push(bytes: Uint8Array): void {
    this.#hasBegun ||= bytes.length > 0;
    if (this.#body.type !== "padding") this.#pending.push(bytes);
  }

  /** Throws a `ProtocolError`. */
  poll(): DataEvent | undefined {
    if (this.#payloadLeft > 0) return this.#pollPayload();
    const body = this.#body;
    switch (body.type) {
      case "unknown":
        return this.#pollHeader();
      case "padding":
        this.#pending.skip(this.#pending.length);
        return undefined;
      case "subgroup": {
        const object = readWhole("subgroup", () => this.#pending.take((reader) => body.objects.read(reader)));
        if (object === undefined) return undefined;
        this.#payloadLeft = object.payloadLength;
        return { type: "subgroup-object", object };
      }
      case "fetch": {
        const object = readWhole("fetch", () => this.#pending.take((reader) => body.objects.read(reader)));
        if (object === undefined) return undefined;
        if ("gap" in object) return { type: "gap", gap: object };
        this.#payloadLeft = object.payloadLength;
        return { type: "fetch-object", object };
      }
    }
  }

  /** The stream ended. Throws if it ended in the middle of a header or an object. */
  end(): void {
    const isCut =
      this.#payloadLeft > 0 || this.#pending.length > 0 || (this.#body.type === "unknown" && this.#hasBegun);
    if (isCut && this.#body.type !== "padding")
      throw violation("data stream", "the stream ended in the middle of an object");
  }

  #pollPayload(): DataEvent | undefined {
    if (this.#pending.length === 0) return undefined;
    const bytes = this.#pending.takeBytes(this.#payloadLeft);
    this.#payloadLeft -= bytes.length;
    return { type: "payload", bytes, isLast: this.#payloadLeft === 0 };
  }

  #pollHeader(): DataEvent | undefined {
    const dialect = this.#dialect;
    return readWhole("data stream", () =>
      this.#pending.take((reader): DataEvent => {
        const type = readCode(dialect.integers, reader);
        if (type === FETCH_HEADER) {
          const requestId = dialect.number(reader);
          this.#body = { type: "fetch", objects: new FetchObjects(dialect, this.#orderOf(requestId)) };
          return { type: "fetch", requestId };
        }
        if (type === PADDING_STREAM && !dialect.has("hasSharedControlStream")) {
          this.#body = { type: "padding" };
          return { type: "padding" };
        }
        if (!isSubgroupType(type)) throw violation("data stream", `the unknown type ${type}`);
        const header = readSubgroupHeader(type, reader, dialect);
        this.#body = { type: "subgroup", objects: new SubgroupObjects(header, dialect) };
        return { type: "subgroup", header };
      }),
    );
  }
}

/** What a fetch's stream begins with. */
export function emitFetchHeader(requestId: number, dialect: Dialect): Uint8Array {
  const writer = new ByteWriter(dialect.integers);
  writer.integer(FETCH_HEADER);
  writer.integer(requestId);
  return writer.finish();
}
