/** Which content codings a client takes (RFC 9110 §12.5.3). */

/** Codings of precompressed files beside a file, the best first. */
export const PRECOMPRESSED = [
  { coding: "br", suffix: ".br" },
  { coding: "gzip", suffix: ".gz" },
] as const;

export type Coding = (typeof PRECOMPRESSED)[number]["coding"];

/** The codings the client takes at least as gladly as no coding at all, in its order, or ours where it has none. */
export function acceptedCodings(field: string | undefined): readonly Coding[] {
  if (field === undefined) return []; // any would be allowed, but a client that can decode says so
  const weights = new Map<string, number>();
  for (const item of field.split(",")) {
    const [name = "", ...parameters] = item.split(";");
    const coding = name.trim().toLowerCase();
    if (coding !== "") weights.set(coding === "x-gzip" ? "gzip" : coding, weightOf(parameters));
  }
  const weight = (coding: string): number => weights.get(coding) ?? weights.get("*") ?? 0;
  const identity = weights.get("identity") ?? 0; // not named: acceptable, but a coding that is named comes first
  return PRECOMPRESSED.map(({ coding }) => coding)
    .filter((coding) => weight(coding) > 0 && weight(coding) >= identity)
    .sort((a, b) => weight(b) - weight(a)); // stable: ours where equal
}

/** `q` (RFC 9110 §12.4.2); 1 without one, 0 for one that is none. */
function weightOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const match = /^\s*q\s*=\s*(.*?)\s*$/i.exec(parameter);
    if (match !== null) return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(match[1]!) ? Number(match[1]) : 0;
  }
  return 1;
}
