/** What the runner drives: a victim that takes inputs until its connection ends. */

export interface Session {
  /** Sends one input, and lets the victim do what it will. Throws when the victim shows a fault of its own. */
  step(): void;
  /** How the victim's connection ended; undefined while it lives. */
  readonly outcome: string | undefined;
  /** After the last input. Throws when the victim has not let go of everything once enough time has gone by. */
  end(): void;
}

export interface Target {
  readonly name: string;
  /** Everything that a session does follows from the seed. */
  start(seed: number): Session;
}

/** The victim did something that no peer may make it do. */
export class VictimFault extends Error {
  override readonly name = "VictimFault";
}
