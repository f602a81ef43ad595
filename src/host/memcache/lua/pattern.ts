/** Lua's patterns as regular expressions (Lua 5.4 manual §6.4.1), without %b, %f and back references. */

import { MemcacheConfigError } from "../../../memcache/config/config.ts";

const CLASSES: Readonly<Record<string, string>> = {
  a: "A-Za-z",
  c: "\\x00-\\x1f\\x7f",
  d: "0-9",
  g: "\\x21-\\x7e",
  l: "a-z",
  p: "!-\\/:-@\\[-`{-~",
  s: "\\t-\\r ",
  u: "A-Z",
  w: "A-Za-z0-9",
  x: "A-Fa-f0-9",
};

export function luaPattern(pattern: string): RegExp {
  let source = "";
  for (let i = 0; i < pattern.length; i += 1) {
    const character = pattern[i]!;
    if (character === "%") {
      i += 1;
      source += escaped(pattern, pattern[i]);
    } else if (character === "[") {
      const [set, end] = setAt(pattern, i);
      source += set;
      i = end;
    } else if (character === ".") source += "[^]";
    else if (character === "-") source += "*?";
    else if ("()*+?".includes(character) || (character === "^" && i === 0)) source += character;
    else if (character === "$" && i === pattern.length - 1) source += "$";
    else source += literal(character);
  }
  try {
    return new RegExp(source);
  } catch (cause) {
    throw new MemcacheConfigError(`the pattern ${pattern} is malformed`, { cause });
  }
}

/** A class (%a), its complement (%A), or a character. */
function escaped(pattern: string, letter: string | undefined): string {
  if (letter === undefined || /[bf0-9]/.test(letter)) {
    throw new MemcacheConfigError(`the pattern ${pattern} uses %${letter ?? ""}, which is not supported`);
  }
  const set = CLASSES[letter.toLowerCase()];
  if (set === undefined) return literal(letter);
  return letter === letter.toLowerCase() ? `[${set}]` : `[^${set}]`;
}

function setAt(pattern: string, start: number): readonly [set: string, end: number] {
  let at = start + 1;
  let set = "[";
  if (pattern[at] === "^") {
    set += "^";
    at += 1;
  }
  for (let isFirst = true; at < pattern.length && (isFirst || pattern[at] !== "]"); isFirst = false, at += 1) {
    const character = pattern[at]!;
    if (character === "%") {
      at += 1;
      const letter = pattern[at] ?? "";
      const known = CLASSES[letter];
      if (known === undefined && CLASSES[letter.toLowerCase()] !== undefined) {
        throw new MemcacheConfigError(`the pattern ${pattern} uses %${letter} in a set, which is not supported`);
      }
      set += known ?? literal(letter);
    } else set += character === "-" ? "-" : literal(character);
  }
  if (at >= pattern.length) throw new MemcacheConfigError(`the pattern ${pattern} has a set that does not end`);
  return [`${set}]`, at];
}

const literal = (character: string): string => character.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&");
