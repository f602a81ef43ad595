/** Finds unknown options, which no compiler reports in JavaScript. */

/** Returns a line for each unknown option. Application objects such as Hono have their own members and are not checked. */
export function unknownOptions(options: object, known: Readonly<Record<string, true>>): string[] {
  const prototype: unknown = Object.getPrototypeOf(options);
  if (prototype !== Object.prototype && prototype !== null) return [];
  return Object.keys(options)
    .filter((name) => !Object.hasOwn(known, name))
    .map((name) => {
      const similar = similarName(name, Object.keys(known));
      return `nagare: serve has no option "${name}"${similar === undefined ? "" : `: did you mean "${similar}"?`}`;
    });
}

/** The known name that was probably meant. */
export const similarName = (name: string, known: readonly string[]): string | undefined =>
  known.find((each) => isSimilar(name.toLowerCase(), each.toLowerCase()));

/** True if the names differ by at most one inserted, deleted or changed letter. */
function isSimilar(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  const skip = (text: string, other: string): string => text.slice(start + (text.length >= other.length ? 1 : 0));
  return a === b || skip(a, b) === skip(b, a);
}
