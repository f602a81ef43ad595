/** Splits text in presentation format into tokens (RFC 1035 §5.1): quotes, escapes, comments and parentheses. */

import { PresentationError } from "./errors.ts";

/** `text` keeps its escapes, but not its quotes. */
export interface Token {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** An entry: usually a line, or more with parentheses. */
export interface Entry {
  /** The number of its first line, from 1. */
  readonly line: number;
  /** True if the line begins with a blank, and so repeats the last owner's name. */
  readonly isIndented: boolean;
  readonly tokens: readonly Token[];
}

/** Splits a zone file into entries, without empty ones. Errors name the line. */
export function* entriesOf(text: string): Generator<Entry> {
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const first = line;
    const isIndented = text[at] === " " || text[at] === "\t";
    const tokens: Token[] = [];
    let depth = 0;
    for (; at < text.length; ) {
      const character = text[at]!;
      if (character === "\n") {
        at += 1;
        line += 1;
        if (depth === 0) break;
      } else if (character === " " || character === "\t" || character === "\r") at += 1;
      else if (character === ";") {
        const end = text.indexOf("\n", at);
        at = end < 0 ? text.length : end;
      } else if (character === "(") {
        depth += 1;
        at += 1;
      } else if (character === ")") {
        depth -= 1;
        at += 1;
        if (depth < 0) throw new PresentationError(`line ${line}: a parenthesis closes that was not open`);
      } else {
        const [token, end] = readToken(text, at, line);
        tokens.push(token);
        at = end;
      }
    }
    if (depth > 0) throw new PresentationError(`line ${first}: a parenthesis is never closed`);
    if (tokens.length > 0) yield { line: first, isIndented, tokens };
  }
}

const ENDS = new Set([" ", "\t", "\r", "\n", ";", "(", ")"]);

/** Reads a token: within it, quotes protect what would end it, as in `alpn="h2 ,h3"`. */
function readToken(text: string, start: number, line: number): [Token, number] {
  let at = start;
  let token = "";
  let isInQuotes = false;
  for (; at < text.length; at += 1) {
    const character = text[at]!;
    if (character === "\\") {
      token += text.slice(at, at + 2);
      at += 1;
    } else if (character === '"') {
      isInQuotes = !isInQuotes;
      // A quoted string is a token of its own, so that `"a""b"` are two.
      if (!isInQuotes && text[start] === '"') return [{ text: token, isQuoted: true }, at + 1];
    } else if (isInQuotes ? character === "\n" : ENDS.has(character)) break;
    else token += character;
  }
  if (isInQuotes) throw new PresentationError(`line ${line}: a quote is never closed`);
  return [{ text: token, isQuoted: false }, at];
}
