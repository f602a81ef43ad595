/** TCP options (RFC 9293 §3.1, RFC 7323, RFC 2018). Unknown ones are skipped by their length. */

export const OptionKind = {
  end: 0,
  noOperation: 1,
  mss: 2,
  windowScale: 3,
  sackPermitted: 4,
  sack: 5,
  timestamps: 8,
} as const;

/** RFC 7323 §2.3. */
export const MAX_WINDOW_SCALE = 14;
/** Bytes of a timestamps option with the two NOPs that align it. */
export const TIMESTAMPS_LENGTH = 12;

export interface TcpOptions {
  mss?: number;
  windowScale?: number;
  sackPermitted?: boolean;
  /** Sequence numbers: left edge, right edge, left edge, … */
  sack?: readonly number[];
  timestamp?: { readonly value: number; readonly echo: number };
}

/** Undefined if a length is illegal (MUST-7). `bytes[start, end)` are the options. */
export function parseOptions(bytes: Uint8Array, start: number, end: number): TcpOptions | undefined {
  const options: TcpOptions = {};
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let at = start; at < end; ) {
    const kind = bytes[at]!;
    if (kind === OptionKind.end) break;
    if (kind === OptionKind.noOperation) {
      at += 1;
      continue;
    }
    const length = at + 1 < end ? bytes[at + 1]! : 0;
    if (length < 2 || at + length > end) return undefined;
    readOption(kind, length, view, at + 2, options);
    at += length;
  }
  return options;
}

/** An option with a length that is not its own counts as unknown. */
function readOption(kind: number, length: number, view: DataView, at: number, options: TcpOptions): void {
  if (kind === OptionKind.mss && length === 4) options.mss = view.getUint16(at);
  else if (kind === OptionKind.windowScale && length === 3) {
    options.windowScale = Math.min(view.getUint8(at), MAX_WINDOW_SCALE);
  } else if (kind === OptionKind.sackPermitted && length === 2) options.sackPermitted = true;
  else if (kind === OptionKind.timestamps && length === 10) {
    options.timestamp = { value: view.getUint32(at), echo: view.getUint32(at + 4) };
  } else if (kind === OptionKind.sack && length >= 10 && (length - 2) % 8 === 0) {
    const edges: number[] = [];
    for (let i = 0; i < length - 2; i += 4) edges.push(view.getUint32(at + i));
    options.sack = edges;
  }
}

/** Bytes that the options take, padding included. */
export function optionsLength({ mss, windowScale, sackPermitted, sack, timestamp }: TcpOptions): number {
  const length =
    (mss === undefined ? 0 : 4) +
    (windowScale === undefined ? 0 : 4) +
    (sackPermitted === true && timestamp === undefined ? 4 : 0) +
    (timestamp === undefined ? 0 : TIMESTAMPS_LENGTH) +
    (sack === undefined || sack.length === 0 ? 0 : 4 + sack.length * 4);
  return length;
}

/** Writes the options, aligned to words as other stacks do. */
export function emitOptions(options: TcpOptions, target: Uint8Array, start: number): void {
  const { mss, windowScale, sackPermitted, sack, timestamp } = options;
  const view = new DataView(target.buffer, target.byteOffset);
  let at = start;
  if (mss !== undefined) {
    target.set([OptionKind.mss, 4, mss >>> 8, mss & 0xff], at);
    at += 4;
  }
  if (timestamp !== undefined) {
    // SACK-permitted takes the place of the two NOPs.
    const pair =
      sackPermitted === true ? [OptionKind.sackPermitted, 2] : [OptionKind.noOperation, OptionKind.noOperation];
    target.set([...pair, OptionKind.timestamps, 10], at);
    view.setUint32(at + 4, timestamp.value);
    view.setUint32(at + 8, timestamp.echo);
    at += TIMESTAMPS_LENGTH;
  } else if (sackPermitted === true) {
    target.set([OptionKind.noOperation, OptionKind.noOperation, OptionKind.sackPermitted, 2], at);
    at += 4;
  }
  if (windowScale !== undefined) {
    target.set([OptionKind.noOperation, OptionKind.windowScale, 3, windowScale], at);
    at += 4;
  }
  if (sack !== undefined && sack.length > 0) {
    target.set([OptionKind.noOperation, OptionKind.noOperation, OptionKind.sack, 2 + sack.length * 4], at);
    at += 4;
    for (const edge of sack) {
      view.setUint32(at, edge);
      at += 4;
    }
  }
}
