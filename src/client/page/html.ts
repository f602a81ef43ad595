// What a document asks for, by the tokens of parse5. Without a tree, deeply nested elements cost no more than others.
import { type Token, type TokenHandler, Tokenizer, TokenizerMode } from "parse5";
import type { Reference, ResourceKind } from "../../agent/audit/index.ts";
import { scriptReferences } from "./script.ts";
import { styleReferences } from "./style.ts";
import { resolveUrl } from "./url.ts";

export interface FrameReference {
  /** `about:srcdoc` with its text, another local URL, or one to load. */
  readonly url: string;
  readonly text?: string;
  readonly isAllowed: boolean;
  readonly credentialless: boolean;
  readonly isSandboxed: boolean;
}

export interface PageReferences {
  readonly references: readonly Reference[];
  readonly frames: readonly FrameReference[];
  /** True if there are more than `MAX_REFERENCES`. */
  readonly isCut: boolean;
}

/** Of one document; more are not looked at. */
export const MAX_REFERENCES = 2_000;
/** Of one srcset: they are the same image. */
const MAX_CANDIDATES = 4;
const RAW_TEXT = new Set(["style", "xmp", "iframe", "noembed", "noframes", "noscript"]);
const SCRIPT_TYPES = /^(?:$|module$|(?:text|application)\/(?:x-)?(?:java|ecma)script)/i;
const PRELOADS: Readonly<Record<string, ResourceKind>> = {
  style: "style",
  script: "script",
  image: "image",
  font: "font",
  track: "track",
  audio: "media",
  video: "media",
  worker: "worker",
};

export function htmlReferences(text: string, documentUrl: string): PageReferences {
  const page = new PageHandler(documentUrl);
  const tokenizer = new Tokenizer({ sourceCodeLocationInfo: false }, page);
  page.tokenizer = tokenizer;
  tokenizer.write(text, true);
  return page;
}

class PageHandler implements TokenHandler, PageReferences {
  readonly references: Reference[] = [];
  readonly frames: FrameReference[] = [];
  isCut = false;
  tokenizer!: Tokenizer;
  #base: string;
  #hasBase = false;
  /** Of `<template>`, whose content is inert. */
  #inert = 0;
  /** The element whose text is collected. */
  #open: { readonly name: string; readonly isModule: boolean } | undefined;
  #text: string[] = [];

  constructor(documentUrl: string) {
    this.#base = documentUrl;
  }

  onStartTag(token: Token.TagToken): void {
    const { tagName: name, attrs } = token;
    const attributes = new Map(attrs.map((each) => [each.name, each.value]));
    if (name === "template") this.#inert += 1;
    if (name === "script") this.tokenizer.state = TokenizerMode.SCRIPT_DATA;
    else if (name === "textarea" || name === "title") this.tokenizer.state = TokenizerMode.RCDATA;
    else if (name === "plaintext") this.tokenizer.state = TokenizerMode.PLAINTEXT;
    else if (RAW_TEXT.has(name)) this.tokenizer.state = TokenizerMode.RAWTEXT;
    if (this.#inert > 0) return;
    if (name === "base" && !this.#hasBase && attributes.has("href")) {
      this.#base = resolveUrl(attributes.get("href")!, this.#base) ?? this.#base;
      this.#hasBase = true;
    }
    this.#element(name, attributes);
    const style = attributes.get("style");
    if (style?.includes("url(")) this.#addAll(styleReferences(style, this.#base, "a style attribute"));
  }

  onEndTag({ tagName: name }: Token.TagToken): void {
    if (name === "template" && this.#inert > 0) this.#inert -= 1;
    const open = this.#open;
    if (open?.name !== name) return;
    const text = this.#text.join("");
    this.#open = undefined;
    this.#text = [];
    if (name === "style") this.#addAll(styleReferences(text, this.#base, "<style>"));
    else this.#addAll(scriptReferences(text, this.#base, open.isModule, "<script>"));
  }

  onCharacter({ chars }: Token.CharacterToken): void {
    if (this.#open !== undefined) this.#text.push(chars);
  }

  onWhitespaceCharacter(token: Token.CharacterToken): void {
    this.onCharacter(token);
  }

  onNullCharacter(): void {}
  onComment(): void {}
  onDoctype(): void {}
  onEof(): void {}

  #element(name: string, attributes: ReadonlyMap<string, string>): void {
    const get = (attribute: string): string => attributes.get(attribute)?.trim() ?? "";
    const from = `<${name}>`;
    const cors = corsOf(attributes.get("crossorigin"));
    switch (name) {
      case "img":
        for (const url of [get("src"), ...candidates(get("srcset"))]) this.#add("image", url, from, cors);
        return;
      case "source":
        for (const url of candidates(get("srcset"))) this.#add("image", url, from, NO_CORS);
        this.#add("media", get("src"), from, NO_CORS);
        return;
      case "input":
        if (get("type").toLowerCase() === "image") this.#add("image", get("src"), from, NO_CORS);
        return;
      case "video":
        this.#add("image", get("poster"), from, NO_CORS);
        this.#add("media", get("src"), from, cors);
        return;
      case "audio":
        this.#add("media", get("src"), from, cors);
        return;
      case "track":
        this.#add("track", get("src"), from, { mode: "cors", credentials: "same-origin" });
        return;
      case "embed":
        this.#frame(get("src"), attributes);
        return;
      case "object":
        this.#frame(get("data"), attributes);
        return;
      case "iframe":
      case "frame":
        this.#frame(get("src"), attributes);
        return;
      case "style":
        this.#open = { name, isModule: false };
        return;
      case "script":
        this.#script(attributes, get("src"), get("type"), cors);
        return;
      case "link":
        this.#link(attributes, get("href"), cors);
    }
  }

  #script(attributes: ReadonlyMap<string, string>, src: string, type: string, cors: Cors): void {
    if (!SCRIPT_TYPES.test(type)) return;
    const isModule = type.toLowerCase() === "module";
    if (src === "") {
      this.#open = { name: "script", isModule };
      return;
    }
    const isBlocking = !isModule && !attributes.has("async") && !attributes.has("defer");
    const access: Cors = isModule
      ? { mode: "cors", credentials: cors.mode === "cors" ? cors.credentials : "same-origin" }
      : cors;
    this.#add("script", src, isModule ? "<script type=module>" : "<script>", access, isBlocking);
  }

  #link(attributes: ReadonlyMap<string, string>, href: string, cors: Cors): void {
    const relations = (attributes.get("rel") ?? "").toLowerCase().split(/\s+/);
    const as = PRELOADS[(attributes.get("as") ?? "").toLowerCase()];
    if (relations.includes("stylesheet") && !attributes.has("disabled") && !relations.includes("alternate")) {
      const isBlocking = !/^print$/i.test(attributes.get("media") ?? "");
      this.#add("style", href, "<link rel=stylesheet>", cors, isBlocking);
    } else if (relations.includes("modulepreload")) {
      this.#add("script", href, "<link rel=modulepreload>", { mode: "cors", credentials: "same-origin" });
    } else if (relations.includes("preload") && as !== undefined) {
      this.#add(as, href, "<link rel=preload>", cors);
    }
  }

  #frame(src: string, attributes: ReadonlyMap<string, string>): void {
    if (this.frames.length >= MAX_REFERENCES) {
      this.isCut = true;
      return;
    }
    const text = attributes.get("srcdoc");
    const sandbox = attributes.get("sandbox");
    const url = text !== undefined ? "about:srcdoc" : src === "" ? "about:blank" : resolveUrl(src, this.#base);
    if (url === undefined) return;
    this.frames.push({
      url,
      ...(text !== undefined && { text }),
      isAllowed: /(?:^|[;\s])cross-origin-isolated(?:[;\s]|$)/.test(attributes.get("allow") ?? ""),
      credentialless: attributes.has("credentialless"),
      isSandboxed: sandbox !== undefined && !/(?:^|\s)allow-same-origin(?:\s|$)/i.test(sandbox),
    });
  }

  #add(kind: ResourceKind, src: string, from: string, { mode, credentials }: Cors, isBlocking = false): void {
    const url = src === "" ? undefined : resolveUrl(src, this.#base);
    if (url !== undefined) this.#addAll([{ kind, url, mode, credentials, from, isBlocking }]);
  }

  #addAll(references: Iterable<Reference>): void {
    for (const each of references) {
      if (this.references.length >= MAX_REFERENCES) {
        this.isCut = true;
        return;
      }
      this.references.push(each);
    }
  }
}

interface Cors {
  readonly mode: "no-cors" | "cors";
  readonly credentials: "same-origin" | "include";
}

const NO_CORS: Cors = { mode: "no-cors", credentials: "include" };

/** HTML "CORS settings attribute" */
function corsOf(attribute: string | undefined): Cors {
  if (attribute === undefined) return NO_CORS;
  return { mode: "cors", credentials: attribute.toLowerCase() === "use-credentials" ? "include" : "same-origin" };
}

const CANDIDATE = /[\t\n\f\r ,]*([^\t\n\f\r ,][^\t\n\f\r ]*)/y;
/** A comma ends them, but not within brackets. */
const DESCRIPTORS = /(?:[^,(]|\([^)]*\)?)*/y;

/** The URLs of a srcset (HTML, "parse a srcset attribute"). */
function candidates(srcset: string): string[] {
  const urls: string[] = [];
  let at = 0;
  while (urls.length < MAX_CANDIDATES) {
    CANDIDATE.lastIndex = at;
    const [all, url] = CANDIDATE.exec(srcset) ?? [];
    if (all === undefined || url === undefined) break;
    at += all.length;
    urls.push(url.replace(/,+$/, ""));
    // Commas at its end are not of the URL: it has no descriptors.
    if (url.endsWith(",")) continue;
    DESCRIPTORS.lastIndex = at;
    at += DESCRIPTORS.exec(srcset)![0].length;
  }
  return urls;
}
