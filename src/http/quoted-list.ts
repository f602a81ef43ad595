/** Lists whose members may hold quoted strings (RFC 9110 §5.6.1, §5.6.4). */

/** The parts between separators outside quotes, trimmed. A quoted string without an end reaches to the end of the text. */
export function splitQuoted(text: string, separator: "," | ";"): string[] {
  const parts: string[] = [];
  let isQuoted = false;
  let start = 0;
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i];
    if (char === '"') isQuoted = !isQuoted;
    else if (isQuoted && char === "\\") i += 1;
    else if (!isQuoted && char === separator) {
      parts.push(trimmed(text.slice(start, i)));
      start = i + 1;
    }
  }
  parts.push(trimmed(text.slice(start)));
  return parts;
}

/** Without the spaces and tabs around it. */
function trimmed(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isSpace(text[start])) start += 1;
  while (end > start && isSpace(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

const isSpace = (char: string | undefined): boolean => char === " " || char === "\t";

const QUOTED = /^"((?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*)"$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~\w]+$/;

/** The value of a token or quoted string; undefined if the text is neither. */
export function unquoted(text: string): string | undefined {
  if (TOKEN.test(text)) return text;
  return QUOTED.exec(text)?.[1]?.replaceAll(/\\(.)/g, "$1");
}

/** A token as it is, and any other text as a quoted string. */
export const quotedIfNeeded = (text: string): string =>
  TOKEN.test(text) ? text : `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
