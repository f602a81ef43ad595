/** IPv4 headers that a test changes. */

/** Sets the length, total length and checksum of a frame's IPv4 header after a change. Returns the frame. */
export function headerChecksum(frame: Uint8Array, at: number, length: number): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset + at);
  view.setUint8(0, 0x40 | (length / 4));
  view.setUint16(2, frame.length - at);
  view.setUint16(10, 0);
  let sum = 0;
  for (let i = 0; i < length; i += 2) sum += view.getUint16(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(10, ~sum & 0xffff);
  return frame;
}
