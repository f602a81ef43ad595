// Tries the names of Alt-SvcB (draft-thomson-httpbis-alt-svcb-01 §3, experimental): one HEAD over a connection to the service.
import { Alternatives, type PlanB, readServices, type Service } from "../agent/index.ts";
import { RECORD_TYPES } from "../dns/index.ts";
import type { RaceSettings } from "../host/client/race.ts";
import type { Field } from "../host/client/session.ts";
import { systemRng } from "../host/random.ts";
import { combinedFieldValue } from "../http/index.ts";
import type { FrameTrials, Tell } from "./frame-news.ts";
import type { ClientSettings } from "./options.ts";
import { Origin } from "./origin.ts";
import { exchange } from "./response.ts";

/** Names that are tried at the same time. */
const MAX_TRIALS = 4;
/** RFC 9460 §3: aliases that are followed. */
const MAX_ALIASES = 8;

export class PlanBTrials implements FrameTrials {
  readonly #settings: ClientSettings;
  readonly #race: RaceSettings;
  readonly #memory: PlanB;
  readonly #trials = new Set<Origin>();
  #isClosed = false;

  constructor(settings: ClientSettings, race: RaceSettings, memory: PlanB) {
    this.#settings = settings;
    this.#race = race;
    this.#memory = memory;
  }

  /** Handles the fields of a response over https. */
  handleFields(url: URL, status: number, fields: readonly Field[], tell: Tell): void {
    const value = combinedFieldValue(fields, "alt-svcb");
    if (value === undefined || url.protocol !== "https:" || status === 421 || this.#isClosed) return;
    this.#consider(url, "field", () => this.#memory.heard(url.origin, value), tell);
  }

  /** Handles an ALTSVCB frame of a connection with the URL's origin, about this origin. */
  handleFrame(url: URL, name: string, tell: Tell): void {
    if (!this.#isClosed) this.#consider(url, "frame", () => this.#memory.heardFrame(url.origin, name), tell);
  }

  #consider(url: URL, by: "field" | "frame", hear: () => string | undefined, tell: Tell): void {
    if (this.#trials.size >= MAX_TRIALS) return;
    const name = hear();
    // A failure leaves the name without a service: it is not tried again.
    if (name === undefined) return;
    tell({ type: "plan-b:heard", name, by });
    const end = (why: string, service?: string): void => tell({ type: "plan-b:tried", name, service, why });
    void this.#try(url, name, end).catch((error: unknown) =>
      end(error instanceof Error ? error.message : String(error)),
    );
  }

  close(error: Error): void {
    this.#isClosed = true;
    for (const origin of this.#trials) origin.destroy(error);
  }

  async #try(url: URL, name: string, end: (why: string, service?: string) => void): Promise<void> {
    const service = await this.#find(name);
    if (service === undefined) end("it has no usable HTTPS record");
    if (service === undefined || this.#isClosed) return;
    const { target, port, alpn } = service;
    const place = { host: target.replace(/\.$/, ""), port: port ?? (url.port === "" ? 443 : Number(url.port)) };
    const settings: ClientSettings = {
      ...this.#settings,
      protocols: this.#settings.protocols.filter((each) => alpn.includes(each)),
      race: { ...this.#race, records: undefined },
      connectTo: () => place,
      planB: undefined,
      preconnect: false,
    };
    // The certificate must hold for the origin, whatever the service's name is.
    const origin = new Origin(new URL(url.origin), settings, new Alternatives());
    this.#trials.add(origin);
    try {
      const used = ["alt-used", `${place.host}:${place.port}`] as const; // RFC 7838 §5
      const head = { method: "HEAD", scheme: "https" as const, authority: url.host, path: "/", fields: [used] };
      const request = {
        url: new URL(url.origin),
        head,
        body: undefined,
        redirects: [],
        upgradedBy: undefined,
        onInformational: undefined,
      };
      const { status } = await exchange(origin, request, settings);
      const isWell = status >= 200 && status < 400;
      if (isWell) this.#memory.worked(url.origin, name, target);
      end(`HEAD of / has ${status}`, isWell ? target : undefined);
    } finally {
      this.#trials.delete(origin);
      await origin.close();
    }
  }

  /** The best service of a name: without a usable record there is none (draft §3: as a client that relies on SVCB). */
  async #find(name: string): Promise<Service | undefined> {
    const resolver = await this.#race.records!();
    let target = name;
    for (let count = 0; count <= MAX_ALIASES; count += 1) {
      const answer = await resolver.resolve(target, RECORD_TYPES.HTTPS.number);
      if (answer.kind !== "records") return undefined;
      const info = readServices(answer.records, this.#settings.protocols, systemRng, true);
      if (info.kind === "services") return info.services[0];
      if (info.kind === "none") return undefined;
      target = info.target;
    }
    return undefined;
  }
}
