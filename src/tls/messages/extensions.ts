/**
 * The extension registry (RFC 8446 §4.2): the known extensions, the messages in which each may appear, and how its
 * contents are read there. Types, parsing, emission and the checks of §4.2 all derive from this one table.
 */

import type { Reader } from "../../wire/reader.ts";
import { alertError } from "../alerts.ts";
import { formatCodePoint } from "../code-points.ts";
import {
  type Codec,
  cookie,
  flag,
  keyShare,
  keyShareList,
  nameList,
  offeredPsks,
  opaque,
  protocolNames,
  selectedProtocol,
  serverName,
  shortUint16List,
  uint8List,
  uint16List,
  uint16Value,
  uint32Value,
} from "./extension-codecs.ts";
import { expectEnd, readVector16, typedVector16, vector16 } from "./presentation.ts";

/** Messages with extensions, abbreviated as in the table of RFC 8446 §4.2. */
export type Place = "CH" | "SH" | "HRR" | "EE" | "CR" | "CT" | "NST";

interface Row {
  readonly type: number;
  readonly places: { readonly [P in Place]?: Codec<unknown> };
}

/** Most unused extensions are `opaque`: only their place is checked. */
export const EXTENSIONS = {
  server_name: { type: 0, places: { CH: serverName, EE: flag } },
  max_fragment_length: { type: 1, places: { CH: opaque, EE: opaque } },
  status_request: { type: 5, places: { CH: opaque, CR: opaque, CT: opaque } },
  supported_groups: { type: 10, places: { CH: uint16List, EE: uint16List } },
  signature_algorithms: { type: 13, places: { CH: uint16List, CR: uint16List } },
  use_srtp: { type: 14, places: { CH: opaque, EE: opaque } },
  heartbeat: { type: 15, places: { CH: opaque, EE: opaque } },
  application_layer_protocol_negotiation: { type: 16, places: { CH: protocolNames, EE: selectedProtocol } },
  signed_certificate_timestamp: { type: 18, places: { CH: opaque, CR: opaque, CT: opaque } },
  client_certificate_type: { type: 19, places: { CH: opaque, EE: opaque } },
  server_certificate_type: { type: 20, places: { CH: opaque, EE: opaque } },
  padding: { type: 21, places: { CH: opaque } },
  compress_certificate: { type: 27, places: { CH: shortUint16List, CR: shortUint16List } },
  early_data: { type: 42, places: { CH: flag, EE: flag, NST: uint32Value } },
  supported_versions: { type: 43, places: { CH: shortUint16List, SH: uint16Value, HRR: uint16Value } },
  cookie: { type: 44, places: { CH: cookie, HRR: cookie } },
  psk_key_exchange_modes: { type: 45, places: { CH: uint8List } },
  certificate_authorities: { type: 47, places: { CH: nameList, CR: nameList } },
  oid_filters: { type: 48, places: { CR: opaque } },
  post_handshake_auth: { type: 49, places: { CH: flag } },
  signature_algorithms_cert: { type: 50, places: { CH: uint16List, CR: uint16List } },
  key_share: { type: 51, places: { CH: keyShareList, SH: keyShare, HRR: uint16Value } },
  // RFC 9001 §8.2
  quic_transport_parameters: { type: 57, places: { CH: opaque, EE: opaque } },
  // Last here, because it must be last in a ClientHello (RFC 8446 §4.2.11).
  pre_shared_key: { type: 41, places: { CH: offeredPsks, SH: uint16Value } },
} as const satisfies Record<string, Row>;

type Registry = typeof EXTENSIONS;
export type ExtensionName = keyof Registry;

type CodecAt<N extends ExtensionName, P extends Place> = Registry[N]["places"] extends { readonly [Q in P]: infer C }
  ? C
  : never;

/** An extension that is not in the registry (GREASE, experiments, future ones), passed through unchanged. */
export interface UnknownExtension {
  readonly type: number;
  readonly data: Uint8Array;
}

/** The extensions of a message by name. */
export type Extensions<P extends Place> = {
  readonly [N in ExtensionName as CodecAt<N, P> extends never ? never : N]?: CodecAt<N, P> extends Codec<infer T>
    ? T
    : never;
} & { readonly unknown?: readonly UnknownExtension[] };

const NAMES = Object.keys(EXTENSIONS) as readonly ExtensionName[];
const BY_TYPE = new Map(NAMES.map((name) => [EXTENSIONS[name].type as number, name]));

interface Member {
  readonly name: ExtensionName;
  readonly type: number;
  readonly codec: Codec<unknown>;
}

const membersOf = (place: Place): readonly Member[] =>
  NAMES.flatMap((name) => {
    const { type, places }: Row = EXTENSIONS[name];
    const codec = places[place];
    return codec === undefined ? [] : [{ name, type, codec }];
  });

/** The extensions of each message, in registry order. */
const MEMBERS: Readonly<Record<Place, readonly Member[]>> = {
  CH: membersOf("CH"),
  SH: membersOf("SH"),
  HRR: membersOf("HRR"),
  EE: membersOf("EE"),
  CR: membersOf("CR"),
  CT: membersOf("CT"),
  NST: membersOf("NST"),
};

/** Reads an `Extension extensions<0..2^16-1>`. */
export function parseExtensions<P extends Place>(reader: Reader, place: P): Extensions<P> {
  const list = readVector16(reader);
  const members = MEMBERS[place];
  const extensions: Record<string, unknown> = {};
  const unknown = new Map<number, UnknownExtension>();
  while (!list.isAtEnd) {
    const type = list.uint16();
    const contents = readVector16(list);
    const name = BY_TYPE.get(type);
    // RFC 8446 §4.2: at most one extension of each type.
    if (name === undefined ? unknown.has(type) : extensions[name] !== undefined) {
      throw alertError("illegal_parameter", name ?? formatCodePoint(type), "duplicate extension");
    }
    if (name === undefined) {
      unknown.set(type, { type, data: contents.rest() });
      continue;
    }
    const member = members.find((each) => each.type === type);
    // RFC 8446 §4.2: recognized, but not allowed in this message.
    if (member === undefined) throw alertError("illegal_parameter", name, `the extension is not allowed in ${place}`);
    extensions[name] = member.codec.parse(contents);
    expectEnd(contents);
    // RFC 8446 §4.2.11
    if (name === "pre_shared_key" && place === "CH" && !list.isAtEnd) {
      throw alertError("illegal_parameter", name, "the extension is not the last");
    }
  }
  if (unknown.size > 0) extensions.unknown = [...unknown.values()];
  return extensions as Extensions<P>;
}

/** Writes unknown extensions first, then the others in registry order. */
export function emitExtensions<P extends Place>(extensions: Extensions<P>, place: P): Uint8Array {
  const parts = (extensions.unknown ?? []).map(({ type, data }) => typedVector16(type, data));
  const values: Readonly<Record<string, unknown>> = extensions;
  for (const { name, type, codec } of MEMBERS[place]) {
    const value = values[name];
    if (value !== undefined) parts.push(typedVector16(type, codec.emit(value)));
  }
  return vector16(...parts);
}

/** Rejects extensions in an answer that were not in the ClientHello (RFC 8446 §4.2), except those in `also`. */
export function rejectUnsolicited(
  answer: { readonly unknown?: readonly UnknownExtension[] },
  offered: Extensions<"CH">,
  also: readonly ExtensionName[] = [],
): void {
  const unknown = answer.unknown?.[0];
  if (unknown !== undefined) throw alertError("unsupported_extension", formatCodePoint(unknown.type));
  for (const name of Object.keys(answer) as ExtensionName[]) {
    if (!(name in offered) && !also.includes(name)) throw alertError("unsupported_extension", name);
  }
}
