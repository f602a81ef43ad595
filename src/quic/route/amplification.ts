/**
 * The anti-amplification limit (RFC 9000 §8.1): before the peer has shown that it receives at its address, it is sent
 * at most three times the bytes that came from there. One counter of whole datagrams, in which everything counts:
 * probes, acknowledgements, CONNECTION_CLOSE, datagrams that could not be decrypted.
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

  /** How many bytes may be sent now. */
  allowance(): number {
    if (this.#validated) return Number.POSITIVE_INFINITY;
    return Math.max(0, AMPLIFICATION_FACTOR * this.#received - this.#sent);
  }
}
