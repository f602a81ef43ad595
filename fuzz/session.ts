/** The runner's interface: a victim that takes inputs until its connection ends. */

export interface Session {
  /** Sends one input and lets the victim react. Throws if the victim itself is at fault. */
  step(): void;
  /** How the victim's connection ended; undefined while it is open. */
  readonly outcome: string | undefined;
  /** Ends the session. Throws if the victim has not released everything after enough time. */
  end(): void;
}

export interface Target {
  readonly name: string;
  /** The seed determines everything a session does. */
  start(seed: number): Session;
}

/** The victim did something that no peer may cause. */
export class VictimFault extends Error {
  override readonly name = "VictimFault";
}
