/** NewSessionTicket (RFC 8446 §4.6.1). */

import type { Reader } from "../../wire/reader.ts";
import { type Extensions, emitExtensions, parseExtensions } from "./extensions.ts";
import { emitMessage } from "./message.ts";
import { readVector8, readVector16, uint32, vector8, vector16 } from "./presentation.ts";

export interface NewSessionTicket {
  readonly ticketLifetime: number;
  readonly ticketAgeAdd: number;
  readonly ticketNonce: Uint8Array;
  readonly ticket: Uint8Array;
  readonly extensions: Extensions<"NST">;
}

export const parseNewSessionTicket = (body: Reader): NewSessionTicket => ({
  ticketLifetime: body.uint32(),
  ticketAgeAdd: body.uint32(),
  ticketNonce: readVector8(body).rest(),
  ticket: readVector16(body, 1).rest(),
  extensions: parseExtensions(body, "NST"),
});

export const emitNewSessionTicket = (ticket: NewSessionTicket): Uint8Array =>
  emitMessage(
    "new_session_ticket",
    uint32(ticket.ticketLifetime),
    uint32(ticket.ticketAgeAdd),
    vector8(ticket.ticketNonce),
    vector16(ticket.ticket),
    emitExtensions(ticket.extensions, "NST"),
  );
