/** Parses the content codings that a client accepts (RFC 9110 §12.5.3). */

/** Those of `codings` that the client prefers to identity or accepts equally, in its order; that of `codings` breaks ties. */
export function acceptedCodings<const Coding extends string>(
  field: string | undefined,
  codings: readonly Coding[],
): readonly Coding[] {
  if (field === undefined) return []; // any coding would be allowed, but clients that can decode one send the field
  const weights = new Map<string, number>();
  for (const item of field.split(",")) {
    const [name = "", ...parameters] = item.split(";");
    const coding = name.trim().toLowerCase();
    if (coding !== "") weights.set(coding === "x-gzip" ? "gzip" : coding, weightOf(parameters));
  }
  const weight = (coding: string): number => weights.get(coding) ?? weights.get("*") ?? 0;
  const identity = weights.get("identity") ?? 0; // if not listed, acceptable, but listed codings are preferred
  return codings
    .filter((coding) => weight(coding) > 0 && weight(coding) >= identity)
    .sort((a, b) => weight(b) - weight(a)); // stable: our order for equal weights
}

/** `q` (RFC 9110 §12.4.2); 1 if absent, 0 if invalid. */
function weightOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const match = /^\s*q\s*=\s*(.*?)\s*$/i.exec(parameter);
    if (match !== null) return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(match[1]!) ? Number(match[1]) : 0;
  }
  return 1;
}
