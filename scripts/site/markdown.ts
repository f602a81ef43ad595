/** How Markdown becomes pages. */

/** What we use of markdown-it, which TypeDoc brings along. */
interface Token {
  readonly type: string;
  info: string;
  readonly children: Token[] | null;
  attrGet(name: string): string | null;
}
interface MarkdownIt {
  readonly core: { readonly ruler: { push(name: string, rule: (state: { readonly tokens: Token[] }) => void): void } };
}

/** A link to a source file is its text alone: the site has no sources. */
const isSource = (href: string): boolean => /^(?!https?:).*(?:\.(?:ts|mjs|js|go|py)|\/|\/[^./]+)$/.test(href);

export function adaptMarkdown(parser: MarkdownIt): void {
  parser.core.ruler.push("adapt", ({ tokens }) => {
    for (const token of tokens) {
      // TypeDoc would highlight it as TypeScript.
      if (token.type === "fence" && token.info === "") token.info = "text";
      const { children } = token;
      if (children === null) continue;
      let isInSource = false;
      const kept = children.filter((token) => {
        if (token.type === "link_open") isInSource = isSource(token.attrGet("href") ?? "");
        const isLink = token.type === "link_open" || token.type === "link_close";
        return !(isLink && isInSource);
      });
      children.splice(0, children.length, ...kept);
    }
  });
}

/** Removes the first line from a document's parts, and returns its text without the marks. Undefined if it is not a heading. */
export function takeHeading(parts: { text: string }[]): string | undefined {
  let line = "";
  for (let part = parts[0]; part !== undefined; part = parts[0]) {
    const end = part.text.indexOf("\n");
    line += end < 0 ? part.text : part.text.slice(0, end);
    if (end >= 0) {
      part.text = part.text.slice(end + 1);
      break;
    }
    parts.shift();
  }
  return line.startsWith("# ") ? line.slice(2).replaceAll("`", "") : undefined;
}
