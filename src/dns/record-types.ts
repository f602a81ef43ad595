/**
 * The types of resource records: one table of the fields of each, in the order of the wire and of zone files, from which
 * the codecs (`record-data.ts`), the presentation format (`record-text.ts`) and the types of the data are derived.
 */

import type { SvcParams } from "./svc-params.ts";

/** What each kind of field holds. */
export interface FieldValues {
  readonly uint8: number;
  readonly uint16: number;
  readonly uint32: number;
  /** A name that may be compressed: only in types of RFC 1035 (RFC 3597 §4). */
  readonly name: string;
  /** A name that is sent without compression, but was compressed by some senders (RFC 3597 §4). */
  readonly "plain-name": string;
  readonly "uncompressed-name": string;
  readonly ipv4: string;
  readonly ipv6: string;
  /** A character string: up to 255 bytes after their length. */
  readonly string: Uint8Array;
  /** Character strings, up to the end of the data. */
  readonly strings: readonly Uint8Array[];
  /** A word of up to 255 bytes after its length, without quotes: a tag of CAA. */
  readonly word: Uint8Array;
  /** All that remains, in quotes. */
  readonly text: Uint8Array;
  /** All that remains, in base 64. */
  readonly base64: Uint8Array;
  /** All that remains, in hexadecimal. */
  readonly hex: Uint8Array;
  /** Up to 255 bytes after their length, in hexadecimal, `-` if empty. */
  readonly salt: Uint8Array;
  /** Up to 255 bytes after their length, in base 32. */
  readonly hash: Uint8Array;
  /** A record type by its mnemonic. */
  readonly type: number;
  /** The types of NSEC's bit map (RFC 4034 §4.1.2), in ascending order. */
  readonly types: readonly number[];
  /** Seconds since 1970, written as YYYYMMDDHHmmSS (RFC 4034 §3.2). */
  readonly time: number;
  readonly "svc-params": SvcParams;
}

export type FieldKind = keyof FieldValues;

interface TypeRow {
  readonly number: number;
  readonly fields: Readonly<Record<string, FieldKind>>;
}

const delegationSigner = { keyTag: "uint16", algorithm: "uint8", digestType: "uint8", digest: "hex" } as const;
const publicKey = { flags: "uint16", protocol: "uint8", algorithm: "uint8", publicKey: "base64" } as const;
const certificateAssociation = { usage: "uint8", selector: "uint8", matching: "uint8", data: "hex" } as const;
const serviceBinding = { priority: "uint16", target: "uncompressed-name", params: "svc-params" } as const;

export const RECORD_TYPES = {
  A: { number: 1, fields: { address: "ipv4" } },
  NS: { number: 2, fields: { target: "name" } },
  CNAME: { number: 5, fields: { target: "name" } },
  SOA: {
    number: 6,
    fields: {
      primary: "name",
      mailbox: "name",
      serial: "uint32",
      refresh: "uint32",
      retry: "uint32",
      expire: "uint32",
      minimum: "uint32",
    },
  },
  PTR: { number: 12, fields: { target: "name" } },
  HINFO: { number: 13, fields: { cpu: "string", os: "string" } },
  MX: { number: 15, fields: { preference: "uint16", exchange: "name" } },
  TXT: { number: 16, fields: { strings: "strings" } },
  RP: { number: 17, fields: { mailbox: "plain-name", text: "plain-name" } },
  AFSDB: { number: 18, fields: { subtype: "uint16", host: "plain-name" } },
  AAAA: { number: 28, fields: { address: "ipv6" } },
  SRV: { number: 33, fields: { priority: "uint16", weight: "uint16", port: "uint16", target: "plain-name" } },
  NAPTR: {
    number: 35,
    fields: {
      order: "uint16",
      preference: "uint16",
      flags: "string",
      services: "string",
      regexp: "string",
      replacement: "plain-name",
    },
  },
  DNAME: { number: 39, fields: { target: "uncompressed-name" } },
  DS: { number: 43, fields: delegationSigner },
  SSHFP: { number: 44, fields: { algorithm: "uint8", fingerprintType: "uint8", fingerprint: "hex" } },
  RRSIG: {
    number: 46,
    fields: {
      covered: "type",
      algorithm: "uint8",
      labels: "uint8",
      originalTtl: "uint32",
      expiration: "time",
      inception: "time",
      keyTag: "uint16",
      signer: "uncompressed-name",
      signature: "base64",
    },
  },
  NSEC: { number: 47, fields: { next: "uncompressed-name", types: "types" } },
  DNSKEY: { number: 48, fields: publicKey },
  NSEC3: {
    number: 50,
    fields: {
      algorithm: "uint8",
      flags: "uint8",
      iterations: "uint16",
      salt: "salt",
      next: "hash",
      types: "types",
    },
  },
  NSEC3PARAM: { number: 51, fields: { algorithm: "uint8", flags: "uint8", iterations: "uint16", salt: "salt" } },
  TLSA: { number: 52, fields: certificateAssociation },
  SMIMEA: { number: 53, fields: certificateAssociation },
  CDS: { number: 59, fields: delegationSigner },
  CDNSKEY: { number: 60, fields: publicKey },
  OPENPGPKEY: { number: 61, fields: { key: "base64" } },
  SVCB: { number: 64, fields: serviceBinding },
  HTTPS: { number: 65, fields: serviceBinding },
  SPF: { number: 99, fields: { strings: "strings" } },
  URI: { number: 256, fields: { priority: "uint16", weight: "uint16", target: "text" } },
  CAA: { number: 257, fields: { flags: "uint8", tag: "word", value: "text" } },
} as const satisfies Record<string, TypeRow>;

export type RecordType = keyof typeof RECORD_TYPES;

/** The data of a record of a known type, with its fields by name. */
export type RecordData<T extends RecordType = RecordType> = {
  readonly [K in T]: { readonly type: K } & {
    readonly [F in keyof (typeof RECORD_TYPES)[K]["fields"]]: FieldValues[Extract<
      (typeof RECORD_TYPES)[K]["fields"][F],
      FieldKind
    >];
  };
}[T];

/** Data of a type that the table lacks (RFC 3597). */
export interface OpaqueData {
  readonly type: "opaque";
  readonly bytes: Uint8Array;
}

/** Data of a known type that cannot be read; the rest of its message can. */
export interface MalformedData {
  readonly type: "malformed";
  readonly bytes: Uint8Array;
  readonly problem: string;
}

/** The data of a record: that of a type that we know, opaque bytes of another, or what could not be read. */
export type AnyData = RecordData | OpaqueData | MalformedData;

export const RECORD_CLASSES = { IN: 1, CH: 3, HS: 4, NONE: 254, ANY: 255 } as const;

/** Types of queries alone, and the pseudo-record of EDNS (RFC 6891). */
export const QUERY_TYPES = { OPT: 41, IXFR: 251, AXFR: 252, ANY: 255 } as const;

const NAMES: ReadonlyMap<number, RecordType> = new Map(
  Object.entries(RECORD_TYPES).map(([name, row]) => [row.number, name as RecordType]),
);
const QUERY_NAMES = new Map<number, string>(Object.entries(QUERY_TYPES).map(([name, number]) => [number, name]));

export const recordTypeOf = (number: number): RecordType | undefined => NAMES.get(number);

export const fieldsOf = (type: RecordType): readonly (readonly [string, FieldKind])[] =>
  Object.entries(RECORD_TYPES[type].fields) as (readonly [string, FieldKind])[];

/** The mnemonic, or `TYPE123` (RFC 3597 §5). */
export const typeName = (number: number): string => NAMES.get(number) ?? QUERY_NAMES.get(number) ?? `TYPE${number}`;

/** The number of a mnemonic or of `TYPE123`, in any case. */
export function typeNumber(text: string): number | undefined {
  const name = text.toUpperCase();
  if (Object.hasOwn(RECORD_TYPES, name)) return RECORD_TYPES[name as RecordType].number;
  if (Object.hasOwn(QUERY_TYPES, name)) return QUERY_TYPES[name as keyof typeof QUERY_TYPES];
  return numberAfter(name, "TYPE");
}

export function className(number: number): string {
  const known = Object.entries(RECORD_CLASSES).find(([, each]) => each === number);
  return known?.[0] ?? `CLASS${number}`;
}

export function classNumber(text: string): number | undefined {
  const name = text.toUpperCase();
  if (Object.hasOwn(RECORD_CLASSES, name)) return RECORD_CLASSES[name as keyof typeof RECORD_CLASSES];
  return numberAfter(name, "CLASS");
}

function numberAfter(text: string, prefix: string): number | undefined {
  const digits = text.startsWith(prefix) ? text.slice(prefix.length) : "";
  return /^\d{1,5}$/.test(digits) && Number(digits) <= 0xffff ? Number(digits) : undefined;
}
