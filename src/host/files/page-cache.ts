/** Reading files without waiting for the disk: what the kernel's page cache holds can be had at once. */

export interface PageCache {
  /**
   * Copies what is cached of `length` bytes from `position` to the start of the chunk, which must have an ArrayBuffer of
   * its own. Returns the number of bytes, 0 if there are none: read the rest asynchronously. Also reports the end of the
   * file and errors as 0, since the asynchronous read tells them apart. Undefined if this file cannot be read this way.
   */
  read(fd: number, chunk: Uint8Array, length: number, position: number): number | undefined;
}

/** Without foreign functions, every read is asynchronous. */
export const noPageCache: PageCache = { read: () => undefined };
