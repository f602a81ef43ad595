/** `<nagare-live>`: a broadcast in a page, with its controls and what happens to it in words. */

import { captionOf } from "./captions.ts";
import type { LiveCertificateHash, LiveEngine, LiveState, LiveStats } from "./options.ts";
import { Player } from "./player.ts";
import { DIALECTS } from "./session/page-session.ts";
import { STYLE } from "./style.ts";

/** Milliseconds between two events of figures. */
const STATS_EVERY = 500;
/** Milliseconds that a notice stays. */
const NOTICE = 6_000;
const PROPERTIES = ["serverCertificateHashes", "muted"] as const;

/** Outside of a page, as when a program renders on a server, the class can be loaded, not used. */
const Base: typeof HTMLElement = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

const isEngine = (text: string | null): text is LiveEngine => text === "webcodecs" || text === "mse" || text === "auto";

/**
 * A player of live media: `<nagare-live src="https://relay.example/" name="room"></nagare-live>`. It reconnects by itself.
 *
 * Attributes: `src`, `name`; `engine` (`auto`, `webcodecs`, `mse`); `dialect` (subprotocols of WebTransport, the best first);
 * `min-latency` and `max-latency` in milliseconds; `muted`; `controls`, `stats`.
 *
 * Events: `statechange` (`detail` is the state), `stats` (`detail` is a `LiveStats`), `notice` (`detail` is a sentence).
 *
 * Parts to style: `frame`, `video`, `controls`, `button`, `captions`, `stats`.
 */
export class NagareLive extends Base {
  static readonly observedAttributes = ["src", "name", "engine", "dialect", "min-latency", "max-latency", "muted"];
  #hashes: readonly LiveCertificateHash[] | undefined;
  #player: Player | undefined;
  #parts: ReturnType<typeof build> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #noticeTimer: ReturnType<typeof setTimeout> | undefined;
  #state: LiveState = "connecting";
  #notice = "";
  #isScheduled = false;

  /** What it does now. */
  get state(): LiveState {
    return this.#player?.state ?? "connecting";
  }

  /** Figures; undefined while it is not in a page. */
  get stats(): LiveStats | undefined {
    return this.#player?.stats;
  }

  /** Of a relay in development: `serverCertificateHashes` of WebTransport. */
  get serverCertificateHashes(): readonly LiveCertificateHash[] | undefined {
    return this.#hashes;
  }

  set serverCertificateHashes(hashes: readonly LiveCertificateHash[] | undefined) {
    this.#hashes = hashes;
    if (this.#player !== undefined) this.#restart();
  }

  /** True for no sound. */
  get muted(): boolean {
    return this.hasAttribute("muted");
  }

  set muted(muted: boolean) {
    this.toggleAttribute("muted", muted);
  }

  /** The elements that show pictures: `canvas` with WebCodecs, `video` otherwise. For programs that look at them. */
  get screen(): HTMLCanvasElement | HTMLVideoElement | undefined {
    return this.stats?.engine === "mse" ? this.#parts?.video : this.#parts?.canvas;
  }

  /** Goes on at the live edge. In a gesture of the user, sound may begin. */
  play(): void {
    this.#player?.unlock();
    this.#player?.play();
  }

  /** Stops pictures and sound. */
  pause(): void {
    this.#player?.pause();
  }

  /** Called by the browser when the element is in a document. */
  connectedCallback(): void {
    this.#parts ??= build(this);
    for (const name of PROPERTIES) this.#takeOver(name);
    this.#restart();
  }

  /** Called by the browser when the element has left its document. */
  disconnectedCallback(): void {
    this.#stop();
  }

  /** Called by the browser when an observed attribute has changed. */
  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after || this.#parts === undefined) return;
    if (name === "muted") this.#applyMuted();
    else this.#restart();
  }

  /** A program may have set a property before this class was loaded. */
  #takeOver(name: (typeof PROPERTIES)[number]): void {
    if (!Object.hasOwn(this, name)) return;
    const value = this[name];
    delete (this as Partial<this>)[name];
    Object.assign(this, { [name]: value });
  }

  /** Several attributes may change at once. */
  #restart(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#stop();
      if (this.isConnected) this.#start();
    });
  }

  #start(): void {
    const parts = this.#parts!;
    const src = this.getAttribute("src");
    const name = this.getAttribute("name");
    if (src === null || name === null) {
      this.#tell("nothing to play: src and name are missing");
      return;
    }
    const number = (attribute: string): number | undefined => {
      const text = this.getAttribute(attribute);
      const value = Number(text);
      return text === null || !Number.isFinite(value) || value < 0 ? undefined : value;
    };
    const engine = this.getAttribute("engine");
    const wanted = this.getAttribute("dialect")
      ?.split(/[\s,]+/)
      .filter((each) => each !== "");
    const protocols = wanted?.filter((each) => DIALECTS.includes(each));
    if (wanted !== undefined && protocols!.length === 0) {
      this.#tell(`no such dialect: ${wanted.join(", ")}; ${DIALECTS.join(", ")} are spoken`);
      return;
    }
    try {
      this.#player = new Player({
        url: new URL(src, document.baseURI).href,
        name,
        protocols,
        serverCertificateHashes: this.#hashes,
        engine: isEngine(engine) ? engine : "auto",
        minLatency: number("min-latency"),
        maxLatency: number("max-latency"),
        ...{ canvas: parts.canvas, video: parts.video, audio: parts.audio },
        onChange: () => this.#change(),
        onNotice: (message) => this.#tell(message),
      });
    } catch (error) {
      this.#tell(String((error as Error).message));
      return;
    }
    this.#applyMuted();
    this.#timer = setInterval(() => this.#refresh(), STATS_EVERY);
  }

  #stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#noticeTimer);
    this.#player?.close();
    this.#player = undefined;
    this.#notice = "";
  }

  #applyMuted(): void {
    const parts = this.#parts!;
    if (this.#player !== undefined) this.#player.volume = this.muted ? 0 : 1;
    parts.mute.setAttribute("aria-pressed", String(this.muted));
    parts.mute.textContent = this.muted ? "Sound on" : "Sound off";
  }

  #change(): void {
    const state = this.state;
    if (state !== this.#state) {
      this.#state = state;
      this.dispatchEvent(new CustomEvent("statechange", { detail: state }));
    }
    this.#refresh();
  }

  #tell(message: string): void {
    this.#notice = message;
    clearTimeout(this.#noticeTimer);
    this.#noticeTimer = setTimeout(() => {
      this.#notice = "";
      this.#refresh();
    }, NOTICE);
    this.dispatchEvent(new CustomEvent("notice", { detail: message }));
    this.#refresh();
  }

  #refresh(): void {
    const parts = this.#parts;
    if (parts === undefined) return;
    const stats = this.stats;
    const isMse = stats?.engine === "mse";
    parts.canvas.hidden = isMse;
    parts.video.hidden = !isMse;
    parts.play.textContent = stats?.state === "paused" ? "Play" : "Pause";
    const isLocked = this.#player?.isLocked === true && !this.muted;
    const caption = captionOf(stats, this.#notice, isLocked);
    if (parts.captions.textContent !== caption.status) parts.captions.textContent = caption.status;
    if (parts.stats.textContent !== caption.figures) parts.stats.textContent = caption.figures;
    if (stats !== undefined) this.dispatchEvent(new CustomEvent("stats", { detail: stats }));
  }
}

/** What is inside. */
function build(host: NagareLive) {
  const root = host.attachShadow({ mode: "open" });
  const style = document.createElement("style");
  style.textContent = STYLE;
  const element = <K extends keyof HTMLElementTagNameMap>(tag: K, part: string): HTMLElementTagNameMap[K] => {
    const made = document.createElement(tag);
    made.setAttribute("part", part);
    return made;
  };
  const frame = element("div", "frame");
  const canvas = element("canvas", "video");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "live video");
  const video = element("video", "video");
  video.muted = true;
  video.playsInline = true;
  video.hidden = true;
  video.setAttribute("aria-label", "live video");
  const audio = document.createElement("audio");
  const controls = element("div", "controls");
  const button = (text: string, act: () => void): HTMLButtonElement => {
    const made = element("button", "button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", act);
    controls.append(made);
    return made;
  };
  const play = button("Pause", () => (host.state === "paused" ? host.play() : host.pause()));
  const mute = button("Sound off", () => {
    host.muted = !host.muted;
    if (!host.muted) host.play();
  });
  button("Go live", () => host.play());
  const captions = element("p", "captions");
  captions.setAttribute("role", "status");
  const stats = element("p", "stats");
  frame.append(canvas, video, audio, captions);
  root.append(style, frame, controls, stats);
  return { canvas, video, audio, play, mute, captions, stats };
}
