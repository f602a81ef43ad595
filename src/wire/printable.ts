/** Makes a peer's text safe to show: terminals obey control characters, and line breaks would split a log entry. */

/** Control characters of ASCII and Latin-1 except tab, line separators, and characters that change text direction. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it matches control characters
const UNPRINTABLE = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

export const printable = (text: string): string => text.replace(UNPRINTABLE, escaped);

function escaped(character: string): string {
  const hex = character.charCodeAt(0).toString(16);
  return hex.length <= 2 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex}`;
}
