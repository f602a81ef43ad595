/** Writes the quic_transport_parameters extension (RFC 9000 §18). */

import { type Rng, randomBytes } from "../../base/rng.ts";
import { type Micros, toMillis } from "../../base/time.ts";
import { concat } from "../../wire/text.ts";
import { varintLength } from "../../wire/varint.ts";
import { Writer } from "../../wire/writer.ts";
import { MAX_PARAMETERS_LENGTH } from "./parse.ts";
import {
  PARAMETERS,
  type ParameterRow,
  type PreferredAddress,
  type TransportParameters,
  type VersionInformation,
} from "./table.ts";

export interface EmitOptions {
  /** Adds a random reserved parameter, which peers must skip (RFC 9000 §18.1). */
  readonly grease?: Rng;
}

/** Written and copied within one call. */
const scratch = new Uint8Array(MAX_PARAMETERS_LENGTH);

/** Writes the parameters, omitting those that are absent or have their default value. */
export function emitTransportParameters(
  parameters: Partial<TransportParameters>,
  { grease }: EmitOptions = {},
): Uint8Array {
  const writer = new Writer(scratch);
  for (const row of PARAMETERS) {
    const value = parameters[row.name];
    if (value === undefined || value === row.default) continue;
    writer.varint(row.id);
    emitValue(writer, row, value);
  }
  if (grease !== undefined) emitReserved(writer, grease);
  return writer.written().slice();
}

/** `value` has the type of the row's property in `TransportParameters`; the table's test ensures that they match. */
function emitValue(writer: Writer, row: ParameterRow, value: unknown): void {
  switch (row.type) {
    case "integer":
      emitInteger(writer, value as number);
      break;
    case "millis":
      emitInteger(writer, Math.ceil(toMillis(value as Micros)));
      break;
    case "micros":
      emitInteger(writer, value as Micros);
      break;
    case "connection-id":
    case "reset-token":
      emitBytes(writer, value as Uint8Array);
      break;
    case "flag":
      writer.varint(0);
      break;
    case "preferred-address":
      emitBytes(writer, preferredAddress(value as PreferredAddress));
      break;
    case "versions":
      emitBytes(writer, versions(value as VersionInformation));
      break;
  }
}

function emitInteger(writer: Writer, value: number): void {
  writer.varint(varintLength(value));
  writer.varint(value);
}

function emitBytes(writer: Writer, bytes: Uint8Array): void {
  writer.varint(bytes.length);
  writer.write(bytes);
}

const port = (value: number): Uint8Array => Uint8Array.of(value >>> 8, value);

function preferredAddress(address: PreferredAddress): Uint8Array {
  return concat(
    address.ipv4,
    port(address.ipv4Port),
    address.ipv6,
    port(address.ipv6Port),
    Uint8Array.of(address.connectionId.length),
    address.connectionId,
    address.statelessResetToken,
  );
}

function versions({ chosen, available }: VersionInformation): Uint8Array {
  const writer = new Writer(new Uint8Array(4 + 4 * available.length));
  writer.uint32(chosen);
  for (const version of available) writer.uint32(version);
  return writer.bytes;
}

/** Identifiers 31 * N + 27 have no meaning and never will (RFC 9000 §18.1). */
function emitReserved(writer: Writer, rng: Rng): void {
  const value = randomBytes(rng, rng.uint32() % 17);
  writer.varint(31 * rng.uint32() + 27);
  emitBytes(writer, value);
}
