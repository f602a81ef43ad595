/** What all calls of OpenSSL share. */

/** The type of an address, passed as a number. */
export const POINTER = "uintptr_t";

/** OpenSSL's functions return 1 if they succeed. */
export function check(result: number): void {
  if (result !== 1) throw new Error("OpenSSL refused a call");
}
