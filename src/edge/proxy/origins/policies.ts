/** Which origin gets the next request. */

/** What the choice depends on. */
export interface Candidate {
  readonly name: string;
  readonly weight: number;
  /** Requests in progress. */
  readonly active: number;
}

/** "address", "header:NAME" and "cookie:NAME" send equal ones to the same origin, by rendezvous hashing. */
export type Balance = "round-robin" | "least-connections" | "address" | `header:${string}` | `cookie:${string}`;

/** Chooses from candidates, of which there is at least one. `key` is what requests are hashed by. */
export type Policy = <C extends Candidate>(candidates: readonly C[], key: string) => C;

/** The hashes of equal keys differ from process to process only if the origins do. */
export function policyOf(balance: Balance): Policy {
  if (balance === "round-robin") return roundRobin();
  if (balance === "least-connections") return leastConnections();
  return rendezvous;
}

/**
 * Smooth weighted round-robin: each origin's credit grows by its weight; the one with the most is chosen, and pays the sum.
 * Origins with weights 2 and 1 are chosen as a, b, a, and not as a, a, b.
 */
function roundRobin(): Policy {
  const credits = new WeakMap<Candidate, number>();
  return (candidates) => {
    let sum = 0;
    let best = candidates[0]!;
    let most = Number.NEGATIVE_INFINITY;
    for (const candidate of candidates) {
      const credit = (credits.get(candidate) ?? 0) + candidate.weight;
      credits.set(candidate, credit);
      sum += candidate.weight;
      if (credit <= most) continue;
      most = credit;
      best = candidate;
    }
    credits.set(best, most - sum);
    return best;
  };
}

/** The fewest requests per weight. Among equals, takes turns. */
function leastConnections(): Policy {
  const takeTurns = roundRobin();
  return (candidates) => {
    const load = ({ active, weight }: Candidate): number => active / weight;
    const least = Math.min(...candidates.map(load));
    return takeTurns(
      candidates.filter((candidate) => load(candidate) === least),
      "",
    );
  };
}

/**
 * Weighted rendezvous hashing (Thaler and Ravishankar, 1998): each origin scores the key, and the highest score wins. If an
 * origin leaves, only its own keys move.
 */
const rendezvous: Policy = (candidates, key) => {
  let best = candidates[0]!;
  let highest = Number.NEGATIVE_INFINITY;
  for (const candidate of candidates) {
    const score = -candidate.weight / Math.log(fractionOf(`${candidate.name}\0${key}`));
    if (score <= highest) continue;
    highest = score;
    best = candidate;
  }
  return best;
};

/** A hash between 0 and 1, both excluded: FNV-1a, with the finalizer of MurmurHash3 to spread similar texts. */
function fractionOf(text: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}

/** The value of a cookie (RFC 6265 §5.4). */
export function cookieValue(cookies: string, name: string): string | undefined {
  for (const pair of cookies.split(";")) {
    const at = pair.indexOf("=");
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}
