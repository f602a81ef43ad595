/** Parses the quic_transport_parameters extension (RFC 9000 §18, RFC 9001 §8.2). */

import { WireError } from "../../base/errors.ts";
import { type Micros, micros } from "../../base/time.ts";
import { Reader } from "../../wire/reader.ts";
import { formatVarInt, type VarInt } from "../../wire/varint.ts";
import { transportError } from "../errors.ts";
import { MAX_CONNECTION_ID_LENGTH } from "../packet/connection-id.ts";
import { exceeds, nearest } from "../varint-limit.ts";
import {
  DEFAULT_TRANSPORT_PARAMETERS,
  type ParameterRow,
  type PreferredAddress,
  parameterRow,
  type TransportParameters,
  type VersionInformation,
} from "./table.ts";

/** More than any honest peer sends; bounds the work that one handshake can cause. */
export const MAX_PARAMETERS_LENGTH = 4096;
const STATELESS_RESET_TOKEN_LENGTH = 16;
/** A longer idle timeout or delay is effectively infinite; up to this value, adding it to an `Instant` stays exact. */
const MAX_MICROS = 2 ** 51;

const fault = (where: string, detail: string) => transportError("TRANSPORT_PARAMETER_ERROR", where, detail);

/**
 * Parses the parameters sent by `sender`, the peer's role. Omitted parameters have their defaults; unknown ones are
 * skipped (RFC 9000 §7.4.2).
 */
export function parseTransportParameters(bytes: Uint8Array, sender: "client" | "server"): TransportParameters {
  if (bytes.length > MAX_PARAMETERS_LENGTH)
    throw fault("transport parameters", `${bytes.length} bytes exceed the limit of ${MAX_PARAMETERS_LENGTH}`);
  const reader = new Reader(bytes);
  const parameters: Record<string, unknown> = { ...DEFAULT_TRANSPORT_PARAMETERS };
  const seen = new Set<number | string>();
  while (!reader.isAtEnd) {
    const { id, value } = parseEntry(reader);
    const row = typeof id === "number" ? parameterRow(id) : undefined;
    const key = typeof id === "number" ? id : formatVarInt(id);
    if (seen.has(key)) throw fault(row?.wireName ?? `transport parameter ${key}`, "was sent twice"); // RFC 9000 §7.4
    seen.add(key);
    if (row === undefined) continue;
    // RFC 9000 §18.2: a client MUST NOT send these.
    if (row.sender === "server" && sender === "client") throw fault(row.wireName, "may only be sent by a server");
    parameters[row.name] = parseValue(row, value, sender);
  }
  return parameters as unknown as TransportParameters;
}

function parseEntry(reader: Reader): { readonly id: VarInt; readonly value: Reader } {
  try {
    const id = reader.varintExact();
    return { id, value: reader.sub(reader.varint()) };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw fault("transport parameters", error.message);
  }
}

function parseValue(row: ParameterRow, reader: Reader, sender: "client" | "server"): unknown {
  try {
    const value = parseTyped(row, reader, sender);
    if (!reader.isAtEnd) throw fault(row.wireName, `has ${reader.remaining} extra bytes`);
    return value;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw fault(row.wireName, error.message);
  }
}

function parseTyped(row: ParameterRow, reader: Reader, sender: "client" | "server"): unknown {
  switch (row.type) {
    case "integer":
      return parseInteger(row, reader);
    case "millis":
      return toMicros(parseInteger(row, reader));
    case "micros":
      return micros(Math.min(parseInteger(row, reader), MAX_MICROS));
    case "connection-id":
      return parseConnectionId(row, reader, 0, reader.remaining);
    case "reset-token":
      return reader.copy(STATELESS_RESET_TOKEN_LENGTH);
    case "flag":
      return true;
    case "preferred-address":
      return parsePreferredAddress(row, reader);
    case "versions":
      return parseVersions(row, reader, sender);
  }
}

/** Limits are checked exactly, then the value is rounded to a double. */
function parseInteger(row: ParameterRow, reader: Reader): number {
  const exact = reader.varintExact();
  const value = nearest(exact);
  if (value < row.min || exceeds(exact, row.max)) throw fault(row.wireName, `${value} is not a legal value`);
  return value;
}

const toMicros = (millis: number): Micros => micros(Math.min(millis * 1000, MAX_MICROS));

function parseConnectionId(row: ParameterRow, reader: Reader, min: number, length: number): Uint8Array {
  if (length < min || length > MAX_CONNECTION_ID_LENGTH)
    throw fault(row.wireName, `the connection id has ${length} bytes`);
  return reader.copy(length);
}

/** RFC 9000 §18.2, Figure 22. A server with an empty connection id cannot have a preferred address. */
function parsePreferredAddress(row: ParameterRow, reader: Reader): PreferredAddress {
  return {
    ipv4: reader.copy(4),
    ipv4Port: reader.uint16(),
    ipv6: reader.copy(16),
    ipv6Port: reader.uint16(),
    connectionId: parseConnectionId(row, reader, 1, reader.uint8()),
    statelessResetToken: reader.copy(STATELESS_RESET_TOKEN_LENGTH),
  };
}

/** RFC 9368 §3, §4. */
function parseVersions(row: ParameterRow, reader: Reader, sender: "client" | "server"): VersionInformation {
  if (reader.remaining < 4 || reader.remaining % 4 !== 0) {
    throw fault(row.wireName, `${reader.remaining} bytes are not a list of versions`);
  }
  const chosen = reader.uint32();
  const available: number[] = [];
  while (!reader.isAtEnd) available.push(reader.uint32());
  if (chosen === 0 || available.includes(0)) throw fault(row.wireName, "contains version 0");
  if (sender === "client" && !available.includes(chosen)) {
    throw fault(row.wireName, "the client's chosen version is not among its available versions");
  }
  return { chosen, available };
}
