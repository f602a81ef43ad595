/** Outgoing messages: validates them by the same rules as incoming ones, and converts them to field lines. */

import { type FieldLine, type FieldSection, isConnectionSpecific, isFieldName, isFieldValue } from "../http/index.ts";
import { InvalidMessageError, RefusedRequest, StreamError } from "./errors.ts";
import { parseRequestHead } from "./message.ts";

/** A request to send. `fields` has no pseudo-header fields. CONNECT without `protocol` has neither scheme nor path. */
export interface OutgoingRequest {
  readonly method: string;
  readonly scheme?: string | undefined;
  readonly authority?: string | undefined;
  readonly path?: string | undefined;
  /** Makes the request an extended CONNECT (RFC 9220). Requires `enableConnectProtocol` in the peer's settings. */
  readonly protocol?: string | undefined;
  readonly fields: FieldSection;
}

export function requestLines(request: OutgoingRequest, allowsProtocol: boolean): FieldSection {
  if (request.protocol !== undefined && !allowsProtocol) {
    // RFC 8441 §3: only after the server has sent the setting.
    throw new InvalidMessageError("the server has not enabled extended CONNECT (SETTINGS_ENABLE_CONNECT_PROTOCOL)");
  }
  const lines: FieldLine[] = [[":method", request.method]];
  if (request.scheme !== undefined) lines.push([":scheme", request.scheme]);
  if (request.authority !== undefined) lines.push([":authority", request.authority]);
  if (request.path !== undefined) lines.push([":path", request.path]);
  if (request.protocol !== undefined) lines.push([":protocol", request.protocol]);
  lines.push(...request.fields);
  try {
    parseRequestHead(lines, allowsProtocol);
  } catch (error) {
    if (error instanceof StreamError || error instanceof RefusedRequest) throw new InvalidMessageError(error.message);
    throw error;
  }
  return lines;
}

const statusLines: FieldLine[] = [];

/** The lines of an interim response (1xx). */
export function interimLines(status: number, fields: FieldSection): FieldSection {
  if (status > 199) throw new InvalidMessageError(`${status} is not an interim status`);
  return responseLines(status, fields);
}

/** The lines of a final response. */
export function finalLines(status: number, fields: FieldSection): FieldSection {
  if (status < 200) throw new InvalidMessageError(`${status} is not a final status`);
  return responseLines(status, fields);
}

export function responseLines(status: number, fields: FieldSection): FieldSection {
  if (!Number.isInteger(status) || status < 100 || status > 999 || status === 101) {
    throw new InvalidMessageError(`${status} is not a valid status in HTTP/3`);
  }
  checkFields(fields);
  return [(statusLines[status] ??= [":status", String(status)]), ...fields];
}

export function checkFields(fields: FieldSection): void {
  for (const [name, value] of fields) {
    if (!isFieldName(name))
      throw new InvalidMessageError(`field name ${JSON.stringify(name)} is not a lowercase token`);
    if (!isFieldValue(value)) throw new InvalidMessageError(`the value of ${name} has a forbidden character`);
    if (isConnectionSpecific(name)) throw new InvalidMessageError(`${name} must not be sent in HTTP/3`);
  }
}
