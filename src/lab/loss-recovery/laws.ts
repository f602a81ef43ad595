/** Average congestion windows in packets, by formulas, for a probability of loss `p`. */

/** Mathis, Semke, Mahdavi, Ott: the macroscopic behavior of the TCP congestion avoidance algorithm (1997), equation 3. */
export const renoWindow = (p: number): number => Math.sqrt(1.5 / p);

/** RFC 9438 §5.1, with C = 0.4 and β = 0.7; `rtt` in seconds. */
export function cubicWindow(p: number, rtt: number): number {
  const fourthRoot = (value: number): number => Math.sqrt(Math.sqrt(value));
  const c = 0.4;
  const beta = 0.7;
  return fourthRoot(((c * (3 + beta)) / (4 * (1 - beta))) * (rtt / p) ** 3);
}
