/** Authorization tokens as they are written (§10.2.2.1 of draft 18); the session keeps the registered ones. */

import { WireError } from "../../base/errors.ts";
import type { Reader } from "../../wire/reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { moqError, SESSION_ERRORS } from "./errors.ts";
import type { Dialect } from "./fields.ts";
import type { Token } from "./model.ts";

const ACTIONS = ["delete", "register", "use-alias", "use-value"] as const;

/** `reader` ends with the token. */
export function readToken(reader: Reader, dialect: Dialect, where: string): Token {
  try {
    const actionCode = dialect.number(reader);
    const action = ACTIONS[actionCode];
    switch (action) {
      case "delete":
      case "use-alias": {
        const token = { action, alias: dialect.number(reader) };
        if (!reader.isAtEnd) throw new WireError("bytes after the token", reader.position);
        return token;
      }
      case "register":
        return {
          action,
          alias: dialect.number(reader),
          type: dialect.number(reader),
          value: reader.copy(reader.remaining),
        };
      case "use-value":
        return { action, type: dialect.number(reader), value: reader.copy(reader.remaining) };
      default:
        throw new WireError(`an alias type of ${actionCode}`, reader.position);
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    // If the structure cannot be decoded, the session ends with this code.
    throw moqError(SESSION_ERRORS.KEY_VALUE_FORMATTING_ERROR, where, `a token: ${error.message}`, error);
  }
}

export function writeToken(writer: ByteWriter, token: Token): void {
  writer.integer(ACTIONS.indexOf(token.action));
  if (token.action !== "use-value") writer.integer(token.alias);
  if (!("value" in token)) return;
  writer.integer(token.type);
  writer.bytes(token.value);
}
