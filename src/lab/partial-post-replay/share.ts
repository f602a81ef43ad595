/** How flows share a link: each gets as much as the others, unless it wants less. */

/** Returns what each of `wanted` gets of `capacity`, in the same unit. */
export function share(wanted: readonly number[], capacity: number): number[] {
  const given = wanted.map(() => 0);
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a]! - wanted[b]! || a - b);
  let left = capacity;
  order.forEach((index, served) => {
    const amount = Math.min(wanted[index]!, left / (order.length - served));
    given[index] = amount;
    left -= amount;
  });
  return given;
}
