/** A worker process of a server, by the numbers that connection ids carry (`quic/packet/routed-connection-id.ts`). */

export interface Place {
  /** Counts reloads, modulo 8. At most two generations exist at a time. */
  readonly generation: number;
  /** 0 to 31. */
  readonly worker: number;
}

export const GENERATIONS = 8;
export const MAX_WORKERS = 32;

/** The machine's number in connection ids. */
export const NODE = 0;

export const samePlace = (a: Place, b: Place): boolean => a.generation === b.generation && a.worker === b.worker;

export const placeName = ({ generation, worker }: Place): string => `${generation}-${worker}`;
