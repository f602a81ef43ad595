/**
 * The body that Node's own Response was created with. Its stream takes a third of a small response to read, though
 * undici also keeps the bytes or the text from which it made the stream. It keeps them where only it can see since Node 24;
 * before, under a symbol (0.7 times the CPU of a small response on Node 20).
 */

interface State {
  readonly body?: { readonly source?: unknown; readonly length?: unknown } | null;
}

/** Undefined until a Response with a state is seen; null if this Node's have none. */
let stateSymbol: symbol | null | undefined;

const findSymbol = (response: Response): symbol | null =>
  Object.getOwnPropertySymbols(response).find(({ description }) => description === "state") ?? null;

const encoder = new TextEncoder();

/** Undefined if it is not known, or if the body has been read from. */
export function nativeBody(response: Response): Uint8Array | undefined {
  if (stateSymbol === undefined) stateSymbol = findSymbol(response);
  if (stateSymbol === null) return undefined;
  const { body } = (response as unknown as Record<symbol, State | undefined>)[stateSymbol] ?? {};
  if (body === undefined || body === null || response.bodyUsed || response.body?.locked !== false) return undefined;
  const { source, length } = body;
  // undici has copied the bytes that it was given.
  const bytes = typeof source === "string" ? encoder.encode(source) : source;
  return bytes instanceof Uint8Array && bytes.byteLength === length ? bytes : undefined;
}
