/** Random records of every type, for property tests and for differential tests with other servers. */

import fc from "fast-check";
import { formatIpAddress } from "../../wire/ip-address.ts";
import { concat, latin1 } from "../../wire/text.ts";
import {
  type FieldKind,
  fieldsOf,
  RECORD_TYPES,
  type RecordData,
  type RecordType,
  type ResourceRecord,
} from "../index.ts";
import { nameOf } from "../name.ts";

const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength });
const uint = (max: number): fc.Arbitrary<number> => fc.oneof(fc.constantFrom(0, 1, max), fc.nat({ max }));

/** Names of any bytes, and of plain letters. */
const label = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/).map((text) => latin1(text)),
  },
  { weight: 1, arbitrary: bytes(1, 12) },
);
export const anyName: fc.Arbitrary<string> = fc.array(label, { maxLength: 6 }).map((labels) => nameOf(labels));

const ip = (size: number): fc.Arbitrary<string> => bytes(size, size).map(formatIpAddress);
const types = fc.uniqueArray(fc.constantFrom(...Object.values(RECORD_TYPES).map(({ number }) => number)), {
  minLength: 1,
});

const list = (size: number): fc.Arbitrary<Uint8Array> =>
  fc.array(bytes(size, size), { minLength: 1, maxLength: 4 }).map((items) => concat(...items));

const params: fc.Arbitrary<ReadonlyMap<number, Uint8Array>> = fc
  .record(
    {
      1: fc
        .array(bytes(1, 12), { minLength: 1, maxLength: 4 })
        .map((ids) => concat(...ids.map((id) => concat(Uint8Array.of(id.length), id)))),
      3: bytes(2, 2),
      4: list(4),
      6: list(16),
      7: fc.stringMatching(/^\/[a-z]{1,8}\{\?dns\}$/).map((text) => latin1(text)),
      667: bytes(0, 20),
      65300: bytes(0, 40),
    },
    { requiredKeys: [] },
  )
  .map((values) => new Map(Object.entries(values).map(([key, value]) => [Number(key), value])));

const FIELDS: Readonly<Record<FieldKind, fc.Arbitrary<unknown>>> = {
  uint8: uint(0xff),
  uint16: uint(0xffff),
  uint32: uint(0xffff_ffff),
  time: uint(0xffff_ffff),
  name: anyName,
  "plain-name": anyName,
  "uncompressed-name": anyName,
  ipv4: ip(4),
  ipv6: ip(16),
  string: bytes(0, 255),
  strings: fc.array(bytes(0, 255), { minLength: 1, maxLength: 3 }),
  word: fc.stringMatching(/^[a-z0-9]{1,15}$/).map((text) => latin1(text)),
  text: bytes(1, 300),
  base64: bytes(1, 100),
  hex: bytes(1, 64),
  salt: bytes(0, 20),
  hash: bytes(20, 20),
  type: fc.constantFrom(1, 28, 64, 65, 257),
  types: types.map((all) => all.sort((a, b) => a - b)),
  "svc-params": params,
};

export function dataOf(type: RecordType): fc.Arbitrary<RecordData> {
  const fields = fieldsOf(type).map(([name, kind]) => [name, FIELDS[kind]] as const);
  return fc.record(Object.fromEntries(fields)).map((values) => ({ ...values, type }) as unknown as RecordData);
}

export const anyRecord: fc.Arbitrary<ResourceRecord> = fc
  .constantFrom(...(Object.keys(RECORD_TYPES) as RecordType[]))
  .chain((type) =>
    fc.record({ name: anyName, ttl: fc.nat({ max: 2 ** 31 - 1 }), data: dataOf(type) }).map(({ name, ttl, data }) => ({
      name,
      ttl,
      data,
      type: RECORD_TYPES[type].number,
      class: 1,
    })),
  );
