// URLs in documents, style sheets and scripts.

/** Undefined if it is not a URL. */
export function resolveUrl(url: string, base: string): string | undefined {
  try {
    return new URL(url, /^(?:about|data|blob):/i.test(base) ? undefined : base).href;
  } catch {
    return undefined;
  }
}
