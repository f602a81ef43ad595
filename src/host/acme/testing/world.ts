/** An authority, and servers' certificates that it issues, which answer its challenges on a port of plain HTTP. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import type { Identity } from "../../certificates/identity.ts";
import { RedirectListener } from "../../http/redirect-listener.ts";
import { loadManaged, type ManagedCertificates, type ManagedOptions } from "../managed-certificates.ts";
import type { AcmeOptions } from "../options.ts";
import { TestAuthority } from "./authority.ts";
import { TestClock } from "./clock.ts";

export const NAME = "www.example.test";

export class AcmeWorld {
  readonly authority = new TestAuthority();
  readonly clock = new TestClock();
  readonly folder = mkdtempSync(join(tmpdir(), "nagare-acme-"));
  readonly lines: string[] = [];
  readonly #running = new Set<ManagedCertificates>();
  readonly #started: ManagedCertificates[] = [];
  #redirect: RedirectListener | undefined;

  static async open(): Promise<AcmeWorld> {
    const world = new AcmeWorld();
    world.authority.now = () => world.clock.now();
    await world.authority.listen();
    // Any of the running servers answers, as behind a load balancer.
    const redirect = new RedirectListener(443, async (path) => {
      for (const certificates of world.#running) {
        const answer = await certificates.answerHttp(path);
        if (answer !== undefined) return answer;
      }
      return undefined;
    });
    world.authority.httpPort = (await redirect.listen(0, "127.0.0.1")).port;
    world.#redirect = redirect;
    return world;
  }

  options(options: Partial<AcmeOptions> = {}): AcmeOptions {
    const { directory, ca } = this.authority;
    const own = { domains: [NAME], agreeToTerms: true, directory, ca, storage: this.folder };
    return { ...own, challenges: ["http-01"], ...options };
  }

  async start(options: Partial<AcmeOptions> = {}, managed: Partial<ManagedOptions> = {}): Promise<ManagedCertificates> {
    const log = (line: string): void => void this.lines.push(line);
    const certificates = await loadManaged([{ auto: this.options(options) }], {
      log,
      clock: this.clock,
      hasHttp: true,
      ...managed,
    });
    certificates.start(() => undefined);
    this.#running.add(certificates);
    this.#started.push(certificates);
    return certificates;
  }

  stop(certificates: ManagedCertificates): void {
    certificates.close();
    this.#running.delete(certificates);
  }

  /** Resolves when a line matches. */
  async said(pattern: RegExp): Promise<string> {
    await vi
      .waitUntil(() => this.lines.some((line) => pattern.test(line)), { timeout: 10_000, interval: 5 })
      .catch(() => {
        throw new Error(`no line matches ${pattern}:\n${this.lines.join("\n")}`);
      });
    return this.lines.find((line) => pattern.test(line))!;
  }

  async close(): Promise<void> {
    for (const certificates of [...this.#running]) this.stop(certificates);
    await Promise.all(this.#started.map((certificates) => certificates.settled()));
    await this.#redirect?.close();
    await this.authority.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** True if the authority has issued it. */
export const isIssued = ({ chain }: Identity): boolean => chain.length > 1;
