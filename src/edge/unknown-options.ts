/** Options that nothing reads: in JavaScript no compiler finds them. */

/** A line for each; an application object (Hono and its like) has members of its own, and is not looked at. */
export function unknownOptions(options: object, known: Readonly<Record<string, true>>): string[] {
  const prototype: unknown = Object.getPrototypeOf(options);
  if (prototype !== Object.prototype && prototype !== null) return [];
  return Object.keys(options)
    .filter((name) => !Object.hasOwn(known, name))
    .map((name) => {
      const near = Object.keys(known).find((each) => isNear(name.toLowerCase(), each.toLowerCase()));
      return `nagare: serve has no option "${name}"${near === undefined ? "" : `: did you mean "${near}"?`}`;
    });
}

/** The same but for one letter left out, put in or changed. */
function isNear(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  const skip = (text: string, other: string): string => text.slice(start + (text.length >= other.length ? 1 : 0));
  return a === b || skip(a, b) === skip(b, a);
}
