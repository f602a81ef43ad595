/** Reads and writes the contents of each extension; `extensions.ts` defines which message each belongs in. */

import { WireError } from "../../base/errors.ts";
import type { Reader } from "../../wire/reader.ts";
import { concat, fromLatin1, latin1 } from "../../wire/text.ts";
import { alertError } from "../alerts.ts";
import {
  readList,
  readUint16,
  readVector8,
  readVector16,
  uint8,
  uint16,
  uint32,
  vector8,
  vector16,
} from "./presentation.ts";

export interface Codec<T> {
  /** Reads to the end of `reader`; the caller detects leftover bytes. */
  parse(reader: Reader): T;
  emit(value: T): Uint8Array;
}

/** Bytes that TLS carries without parsing. */
export const opaque: Codec<Uint8Array> = { parse: (reader) => reader.rest(), emit: (bytes) => bytes };

/** An extension whose presence is its only content. */
export const flag: Codec<true> = { parse: () => true, emit: () => new Uint8Array(0) };

export const uint16Value: Codec<number> = { parse: readUint16, emit: uint16 };
export const uint32Value: Codec<number> = { parse: (reader) => reader.uint32(), emit: uint32 };

/** `uint16 list<2..2^16-2>`: groups, signature schemes. */
export const uint16List: Codec<readonly number[]> = {
  parse: (reader) => readList(readVector16(reader, 2), readUint16),
  emit: (list) => vector16(...list.map(uint16)),
};

/** `uint16 list<2..254>`: versions (RFC 8446 §4.2.1), compression algorithms (RFC 8879 §3). */
export const shortUint16List: Codec<readonly number[]> = {
  parse: (reader) => readList(readVector8(reader, 2, 254), readUint16),
  emit: (list) => vector8(...list.map(uint16)),
};

/** `PskKeyExchangeMode ke_modes<1..255>` (RFC 8446 §4.2.9). */
export const uint8List: Codec<readonly number[]> = {
  parse: (reader) => readList(readVector8(reader, 1), (r) => r.uint8()),
  emit: (list) => vector8(...list.map(uint8)),
};

/** `opaque cookie<1..2^16-1>` (RFC 8446 §4.2.2). */
export const cookie: Codec<Uint8Array> = {
  parse: (reader) => readVector16(reader, 1).rest(),
  emit: (bytes) => vector16(bytes),
};

const HOST_NAME = 0;

/** A ServerNameList with its one host_name (RFC 6066 §3). */
export const serverName: Codec<string> = {
  parse(reader) {
    const list = readVector16(reader, 1);
    let name: string | undefined;
    while (!list.isAtEnd) {
      // The layout of other name types is undefined, so they cannot be skipped.
      const type = list.uint8();
      if (type !== HOST_NAME) throw new WireError(`unknown name type ${type}`, list.position - 1);
      const bytes = readVector16(list, 1).rest();
      // RFC 6066 §3: at most one name per type, in ASCII.
      if (name !== undefined) throw alertError("illegal_parameter", "server_name", "two host names");
      if (bytes.some((byte) => byte <= 0x20 || byte >= 0x7f)) {
        throw alertError("illegal_parameter", "server_name", "the host name is not printable ASCII");
      }
      name = fromLatin1(bytes);
    }
    return name!;
  },
  emit: (name) => vector16(uint8(HOST_NAME), vector16(latin1(name))),
};

/** `ProtocolName protocol_name_list<2..2^16-1>` (RFC 7301 §3.1), one character per byte. */
export const protocolNames: Codec<readonly string[]> = {
  parse: (reader) => readList(readVector16(reader, 2), (list) => fromLatin1(readVector8(list, 1).rest())),
  emit: (names) => vector16(...names.map((name) => vector8(latin1(name)))),
};

/** The same list with exactly one name, as in a server's answer (RFC 7301 §3.1). */
export const selectedProtocol: Codec<string> = {
  parse(reader) {
    const names = protocolNames.parse(reader);
    if (names.length !== 1) throw new WireError(`${names.length} protocols selected instead of one`, reader.position);
    return names[0]!;
  },
  emit: (name) => protocolNames.emit([name]),
};

/** `DistinguishedName authorities<3..2^16-1>` (RFC 8446 §4.2.4), in DER. */
export const nameList: Codec<readonly Uint8Array[]> = {
  parse: (reader) => readList(readVector16(reader, 3), (list) => readVector16(list, 1).rest()),
  emit: (names) => vector16(...names.map((name) => vector16(name))),
};

/** RFC 8446 §4.2.8 */
export interface KeyShareEntry {
  readonly group: number;
  readonly keyExchange: Uint8Array;
}

export const keyShare: Codec<KeyShareEntry> = {
  parse: (reader) => ({ group: reader.uint16(), keyExchange: readVector16(reader, 1).rest() }),
  emit: (entry) => concat(uint16(entry.group), vector16(entry.keyExchange)),
};

/** `KeyShareEntry client_shares<0..2^16-1>`; empty asks for a HelloRetryRequest. */
export const keyShareList: Codec<readonly KeyShareEntry[]> = {
  parse: (reader) => readList(readVector16(reader), keyShare.parse),
  emit: (entries) => vector16(...entries.map(keyShare.emit)),
};

/** RFC 8446 §4.2.11 */
export interface OfferedPsks {
  readonly identities: readonly { readonly identity: Uint8Array; readonly obfuscatedTicketAge: number }[];
  readonly binders: readonly Uint8Array[];
}

export const offeredPsks: Codec<OfferedPsks> = {
  parse(reader) {
    const identities = readList(readVector16(reader, 7), (list) => ({
      identity: readVector16(list, 1).rest(),
      obfuscatedTicketAge: list.uint32(),
    }));
    const binders = readList(readVector16(reader, 33), (list) => readVector8(list, 32).rest());
    if (identities.length !== binders.length) {
      throw alertError(
        "illegal_parameter",
        "pre_shared_key",
        "the number of binders differs from the number of identities",
      );
    }
    return { identities, binders };
  },
  emit: ({ identities, binders }) =>
    concat(
      vector16(...identities.map((psk) => concat(vector16(psk.identity), uint32(psk.obfuscatedTicketAge)))),
      vector16(...binders.map((binder) => vector8(binder))),
    ),
};
