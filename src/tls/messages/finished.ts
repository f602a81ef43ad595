/** Finished (RFC 8446 §4.4.4): only the MAC over the transcript. */

import type { Reader } from "../../wire/reader.ts";
import { emitMessage } from "./message.ts";

/** `length` is the hash length of the suite. */
export const parseFinished = (body: Reader, length: number): Uint8Array => body.view(length);

export const emitFinished = (verifyData: Uint8Array): Uint8Array => emitMessage("finished", verifyData);
