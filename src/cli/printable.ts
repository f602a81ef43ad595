// What others wrote, made safe to print.

/** A field value or a path may hold what a terminal would obey. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it replaces
  return text.replace(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/g, "�");
}
