/** The `date` field's value (RFC 9110 §6.6.1), formatted at most once a second. */

let madeAt = -1;
let value = "";

/** `date` is in milliseconds since 1970. */
export function httpDate(date: number): string {
  const now = Math.floor(date / 1_000);
  if (now !== madeAt) {
    madeAt = now;
    value = new Date(now * 1_000).toUTCString();
  }
  return value;
}
