/**
 * The anti-amplification limit (RFC 9000 §8.1): until the peer's address is validated, we send at most three times the
 * bytes received from it. Counts whole datagrams, including probes, acknowledgements, CONNECTION_CLOSE, and datagrams
 * that could not be decrypted.
 */

const AMPLIFICATION_FACTOR = 3;

export class AmplificationBudget {
  #validated: boolean;
  #received = 0;
  #sent = 0;

  constructor(validated: boolean) {
    this.#validated = validated;
  }

  get isValidated(): boolean {
    return this.#validated;
  }

  validate(): void {
    this.#validated = true;
  }

  onDatagramReceived(bytes: number): void {
    this.#received += bytes;
  }

  onDatagramSent(bytes: number): void {
    this.#sent += bytes;
  }

  /** The number of bytes that may be sent now. */
  allowance(): number {
    if (this.#validated) return Number.POSITIVE_INFINITY;
    return Math.max(0, AMPLIFICATION_FACTOR * this.#received - this.#sent);
  }
}
