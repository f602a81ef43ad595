// What a style sheet asks for: @import, url(), and fonts, which are asked for in CORS mode. (CSS Syntax 3, CSS Fonts 4 §4.8)
import type { Reference } from "../../agent/audit/index.ts";
import { resolveUrl } from "./url.ts";

const COMMENT = /\/\*[\s\S]*?(?:\*\/|$)/g;
const FONT_FACE = /@font-face\s*\{[^}]*(?:\}|$)/gi;
const IMPORT = /@import\s+(?:url\(\s*)?(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"')]+))/gi;
const URL_TOKEN = /url\(\s*(?:"([^"\n]*)"|'([^'\n]*)'|([^\s"'()]+))\s*\)/gi;

export function* styleReferences(text: string, base: string, from: string): Generator<Reference> {
  const css = text.replace(COMMENT, " ");
  const common = { mode: "no-cors", credentials: "include", isBlocking: false } as const;
  for (const url of urlsIn(css, IMPORT, base))
    yield { ...common, kind: "style", url, from: `@import in ${from}`, isBlocking: true };
  for (const [face] of css.matchAll(FONT_FACE)) {
    for (const url of urlsIn(face, URL_TOKEN, base))
      yield {
        kind: "font",
        url,
        mode: "cors",
        credentials: "same-origin",
        from: `@font-face in ${from}`,
        isBlocking: false,
      };
  }
  const rest = css.replace(FONT_FACE, " ").replace(IMPORT, " ");
  for (const url of urlsIn(rest, URL_TOKEN, base)) yield { ...common, kind: "image", url, from: `url() in ${from}` };
}

function* urlsIn(text: string, pattern: RegExp, base: string): Generator<string> {
  for (const [, double, single, bare] of text.matchAll(pattern)) {
    const url = resolveUrl(unescapeCss(double ?? single ?? bare ?? ""), base);
    if (url !== undefined) yield url;
  }
}

/** CSS escapes: a backslash with up to six digits, or before another character. */
const unescapeCss = (text: string): string =>
  text.replace(/\\(?:([\da-f]{1,6})\s?|(.))/gi, (_, digits: string | undefined, other: string | undefined) =>
    digits === undefined ? (other ?? "") : String.fromCodePoint(Math.min(Number.parseInt(digits, 16), 0x10_ffff)),
  );
