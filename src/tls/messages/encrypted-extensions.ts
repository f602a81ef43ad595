/** EncryptedExtensions (RFC 8446 §4.3.1): the server's answers that are not sent in the clear. */

import type { Reader } from "../../wire/reader.ts";
import { type Extensions, emitExtensions, parseExtensions } from "./extensions.ts";
import { emitMessage } from "./message.ts";

export const parseEncryptedExtensions = (body: Reader): Extensions<"EE"> => parseExtensions(body, "EE");

export const emitEncryptedExtensions = (extensions: Extensions<"EE">): Uint8Array =>
  emitMessage("encrypted_extensions", emitExtensions(extensions, "EE"));
