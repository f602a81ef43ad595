/**
 * Finds a value of a configuration in the source of its file: JSON, JavaScript or TypeScript. It follows the keys of object
 * and array literals; what is computed, spread or imported has the position of the last key that could be found.
 */

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** Undefined if not even the first key is found. */
export function positionOf(source: string, path: readonly (string | number)[]): Position | undefined {
  for (const start of objectStarts(source)) {
    const offset = find(source, start, path);
    if (offset !== undefined) return lineAndColumn(source, offset);
  }
  return undefined;
}

/** Where the configuration may begin: what is exported, then any object literal. */
function* objectStarts(source: string): Generator<number> {
  for (const pattern of [/^\s*\{/g, /\bdefineConfig\s*\(\s*\{/g, /\bexport\s+default\s*\{/g, /=\s*\{/g]) {
    for (const match of source.matchAll(pattern)) yield match.index + match[0].length - 1;
  }
}

/** The offset of the value at the path, or of the last part of the path that exists; undefined if the first does not. */
function find(source: string, start: number, path: readonly (string | number)[]): number | undefined {
  let at = start;
  let found: number | undefined;
  for (const key of path) {
    const next = source[at] === "{" || source[at] === "[" ? member(source, at, key) : undefined;
    if (next === undefined) break;
    found = next.name;
    at = next.value;
  }
  return found;
}

/** The offsets of a member's name and value. `at` is the opening bracket. */
function member(source: string, at: number, wanted: string | number): { name: number; value: number } | undefined {
  let index = 0;
  for (const [start, end] of parts(source, at)) {
    if (source[at] === "[") {
      if (index === wanted) return { name: start, value: start };
      index += 1;
      continue;
    }
    const name = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([\w$]+))/.exec(source.slice(start, end));
    if (name === null || (name[1] ?? name[2] ?? name[3]) !== String(wanted)) continue;
    const colon = skipSpace(source, start + name[0].length);
    return { name: start, value: source[colon] === ":" ? skipSpace(source, colon + 1) : start };
  }
  return undefined;
}

/** The ranges between the commas of an object or array literal. */
function* parts(source: string, open: number): Generator<readonly [start: number, end: number]> {
  let at = skipSpace(source, open + 1);
  let start = at;
  let depth = 0;
  while (at < source.length) {
    const next = skipToken(source, at);
    const char = source[at]!;
    if (next === at + 1) {
      if ("{[(".includes(char)) depth += 1;
      else if ("}])".includes(char)) {
        if (depth === 0) break;
        depth -= 1;
      } else if (char === "," && depth === 0) {
        yield [start, at];
        start = skipSpace(source, at + 1);
        at = start;
        continue;
      }
    }
    at = next;
  }
  if (at > start) yield [start, at];
}

/** The offset after the string, template, comment, or single character that begins here. */
function skipToken(source: string, at: number): number {
  const char = source[at]!;
  if (char === '"' || char === "'" || char === "`") {
    let end = at + 1;
    while (end < source.length && source[end] !== char) end += source[end] === "\\" ? 2 : 1;
    return end + 1;
  }
  return skipComment(source, at) ?? at + 1;
}

function skipComment(source: string, at: number): number | undefined {
  const ending = source.startsWith("//", at) ? "\n" : source.startsWith("/*", at) ? "*/" : undefined;
  if (ending === undefined) return undefined;
  const end = source.indexOf(ending, at + 2);
  return end < 0 ? source.length : end + ending.length;
}

/** The offset of the first character that is neither white space nor in a comment. */
function skipSpace(source: string, from: number): number {
  let at = from;
  while (at < source.length) {
    const comment = skipComment(source, at);
    if (comment !== undefined) at = comment;
    else if (/\s/.test(source[at]!)) at += 1;
    else break;
  }
  return at;
}

function lineAndColumn(source: string, offset: number): Position {
  const before = source.slice(0, offset).split("\n");
  return { line: before.length, column: before.at(-1)!.length + 1 };
}
