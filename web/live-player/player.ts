/** Plays one broadcast: a session, the tracks that are wanted, a clock, and a renderer for pictures and one for sound. */

import { pageClock } from "../../src/client/webtransport/browser/clock.ts";
import { namespaceOf } from "../../src/host/live/names.ts";
import { MachineTimer } from "../../src/host/machine-timer.ts";
import type { AssemblyEvent } from "../../src/media/assembly/index.ts";
import { BmffError } from "../../src/media/bmff/index.ts";
import type { CatalogTrack } from "../../src/media/catalog/index.ts";
import { EVERYTHING } from "../../src/media/relay/index.ts";
import type { LiveCertificateHash, LiveEngine, LiveState, LiveStats } from "./options.ts";
import { PlayoutClock } from "./playout/playout-clock.ts";
import { Lane } from "./render/lane.ts";
import { PageSession, type PageSessionEvent } from "./session/page-session.ts";
import { BroadcastSource } from "./source/broadcast-source.ts";
import { VideoTracks } from "./source/video-tracks.ts";

export interface PlayerOptions {
  readonly url: string;
  /** Of the broadcast, as a path. */
  readonly name: string;
  readonly protocols?: readonly string[] | undefined;
  readonly serverCertificateHashes?: readonly LiveCertificateHash[] | undefined;
  readonly engine: LiveEngine;
  readonly minLatency?: number | undefined;
  readonly maxLatency?: number | undefined;
  /** Where pictures go. */
  readonly canvas: HTMLCanvasElement;
  readonly video: HTMLVideoElement;
  readonly audio: HTMLAudioElement;
  readonly onChange: () => void;
  /** What the viewer should know. */
  readonly onNotice: (message: string) => void;
}

/** Milliseconds that a hole holds back what came after it: as long as the clock still has something to play. */
const MAX_WAIT = 300;
/** Milliseconds without frames of the page after which it must have slept. */
const SLEPT = 5_000;

const now = (): number => performance.now();

export class Player {
  readonly #options: PlayerOptions;
  readonly #session: PageSession;
  readonly #source: BroadcastSource;
  readonly #timer: MachineTimer;
  readonly #clock: PlayoutClock;
  readonly #pictures: Lane;
  readonly #sound: Lane;
  #videoTracks: VideoTracks | undefined;
  #audioTrack: CatalogTrack | undefined;
  #connection: Extract<PageSessionEvent, { type: "connected" }> | undefined;
  #connections = 0;
  #skipped = 0;
  /** Samples of sound. */
  #missing = 0;
  /** Milliseconds since 1970 at second 0 of the timeline. */
  #epoch: number | undefined;
  #isPaused = false;
  #end: { readonly state: "ended" | "failed"; readonly message: string } | undefined;
  #frame: number | undefined;
  #tickedAt = now();

  constructor(options: PlayerOptions) {
    this.#options = options;
    const { url, name, protocols, serverCertificateHashes, minLatency, maxLatency, engine } = options;
    this.#clock = new PlayoutClock({
      ...(minLatency === undefined ? {} : { minLatency }),
      ...(maxLatency === undefined ? {} : { maxLatency }),
    });
    this.#pictures = new Lane("video", engine, options, (message) => this.#fail(`no pictures: ${message}`));
    this.#sound = new Lane("audio", engine, options, (message) => options.onNotice(`no sound: ${message}`));
    this.#session = new PageSession({
      ...{ url, name, protocols, serverCertificateHashes },
      onEvent: (event) => this.#handleSession(event),
    });
    this.#timer = new MachineTimer(
      ({ error }) => reportError(error),
      (at) => {
        this.#source.handleTimeout(at);
        this.#arm();
      },
      pageClock,
    );
    this.#source = new BroadcastSource(
      {
        peer: this.#session.host.relay.addPeer({ label: "player", grant: EVERYTHING }),
        namespace: namespaceOf(name),
        now: () => pageClock.now(),
        maxWait: MAX_WAIT,
        onTracks: (tracks) => this.#handleTracks(tracks),
        onEvent: (event, track) => this.#handleMedia(event, track),
        onNotice: options.onNotice,
        onEnd: (message) => this.#finish("ended", message),
      },
      pageClock.now(),
    );
    this.#session.host.arm();
    this.#frame = requestAnimationFrame(this.#tick);
    document.addEventListener("visibilitychange", this.#handleVisibility);
    globalThis.addEventListener("online", this.#handleOnline);
  }

  get state(): LiveState {
    if (this.#end !== undefined) return this.#end.state;
    if (this.#isPaused) return "paused";
    if (this.#clock.position(now()) === undefined) return this.#connection === undefined ? "connecting" : "waiting";
    return this.#clock.state === "playing" ? "playing" : "buffering";
  }

  /** True if the browser plays no sound before a gesture of the user. */
  get isLocked(): boolean {
    return this.#sound.isLocked;
  }

  get stats(): LiveStats {
    const at = now();
    const { buffer, target, rate, stalls, stalled, jumped } = this.#clock.stats(at);
    const pictures = this.#pictures.stats;
    const sound = this.#sound.stats;
    const position = pictures.position ?? this.#clock.position(at);
    const video = this.#videoTracks?.current;
    const latency =
      this.#epoch === undefined || position === undefined ? undefined : Date.now() - (this.#epoch + position * 1_000);
    return {
      state: this.state,
      dialect: this.#connection?.dialect,
      path: this.#connection?.path,
      engine: this.#pictures.engine ?? this.#sound.engine,
      latency,
      ...{ buffer, target, rate, stalls, stalled },
      shown: pictures.shown,
      dropped: pictures.dropped,
      skipped: (this.#skipped + jumped) * 1_000,
      silent: (sound.missing / (this.#audioTrack?.sampleRate ?? 48_000)) * 1_000,
      lateGroups: this.#source.lateGroups,
      bytes: this.#source.bytes,
      connections: this.#connections,
      rendition: video?.name,
      width: video?.width,
      height: video?.height,
      position,
    };
  }

  pause(): void {
    this.#isPaused = true;
    this.#clock.pause(now());
    this.#follow();
    this.#options.onChange();
  }

  /** Goes on, at the live edge. */
  play(): void {
    this.#isPaused = false;
    this.#clock.resume(now());
    this.#clock.skipToLive(now());
    this.#follow();
    this.#options.onChange();
  }

  /** Call it in a gesture of the user. */
  unlock(): void {
    this.#sound.unlock();
  }

  set volume(volume: number) {
    this.#sound.volume = volume;
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.#handleVisibility);
    globalThis.removeEventListener("online", this.#handleOnline);
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#timer.set(undefined);
    this.#source.close(pageClock.now());
    this.#session.close();
    this.#pictures.close();
    this.#sound.close();
  }

  // ── The session ─────────────────────────────────────────────────────────────────────────────────────────────────

  #handleSession(event: PageSessionEvent): void {
    if (event.type === "connected") {
      this.#connection = event;
      this.#connections += 1;
      this.#source.handleReconnect();
    } else if (event.type === "lost") {
      this.#connection = undefined;
      this.#options.onNotice(`${event.message}; trying again in ${event.retryIn / 1_000} s`);
    }
    this.#options.onChange();
  }

  #handleTracks(tracks: readonly CatalogTrack[]): void {
    const at = pageClock.now();
    const videos = tracks.filter(({ kind }) => kind === "video");
    const audio = tracks.find(({ kind }) => kind === "audio");
    if (this.#audioTrack !== undefined) this.#source.unsubscribe(this.#audioTrack.name, at);
    this.#audioTrack = audio;
    this.#videoTracks?.close(at);
    this.#videoTracks = videos.length === 0 ? undefined : new VideoTracks(videos, this.#source, now());
    this.#videoTracks?.start();
    if (audio !== undefined) this.#source.subscribe(audio, at);
    this.#session.host.arm();
    this.#options.onChange();
  }

  #handleMedia(event: AssemblyEvent, track: CatalogTrack): void {
    const isVideo = track.kind === "video";
    if (isVideo && this.#videoTracks?.accepts(event, track, pageClock.now()) !== true) return;
    const replay = isVideo ? this.#videoTracks?.takeReplay() : undefined;
    if (replay !== undefined) this.#handleMedia(replay, track);
    const lane = isVideo ? this.#pictures : this.#sound;
    switch (event.type) {
      case "track":
        lane.configure(event.track);
        break;
      case "fragment": {
        const { time, duration, wallClock, delay } = event.fragment;
        if (wallClock !== undefined) this.#epoch = wallClock - time * 1_000;
        // Sound sets the pace: it goes on while pictures are missing.
        if (!isVideo || this.#audioTrack === undefined) this.#clock.handleMedia(time, time + duration, delay, now());
        this.#push(lane, event.fragment);
        if (document.hidden) this.#advance();
        break;
      }
      case "skip":
        lane.skip();
        if (isVideo) {
          this.#skipped += event.to - event.from;
          if (event.reason === "late") this.#videoTracks?.handleTrouble(now(), pageClock.now());
        }
        break;
      case "restart":
        if (!isVideo || this.#audioTrack === undefined) this.#clock.handleRestart();
        lane.skip();
        break;
    }
    this.#arm();
  }

  #push(lane: Lane, fragment: Parameters<Lane["push"]>[0]): void {
    try {
      lane.push(fragment);
    } catch (error) {
      if (!(error instanceof BmffError)) throw error;
      lane.skip();
    }
  }

  #arm(): void {
    this.#timer.set(this.#source.nextTimeout());
  }

  // ── The page ────────────────────────────────────────────────────────────────────────────────────────────────────

  readonly #tick = (): void => {
    this.#frame = requestAnimationFrame(this.#tick);
    this.#advance();
  };

  #advance(): void {
    const at = now();
    const before = this.#clock.state;
    const { stalls } = this.#clock.stats(at);
    if (at - this.#tickedAt > SLEPT && !this.#isPaused) this.#clock.skipToLive(at);
    this.#tickedAt = at;
    this.#clock.advance(at);
    const { missing } = this.#sound.stats;
    if (missing > this.#missing) this.#clock.handleMissing(at);
    this.#missing = missing;
    this.#follow();
    if (this.#clock.stats(at).stalls > stalls) this.#videoTracks?.handleTrouble(at, pageClock.now());
    else this.#videoTracks?.handleCalm(at, pageClock.now());
    if (this.#clock.state !== before) this.#options.onChange();
  }

  #follow(): void {
    const pace = { position: this.#clock.position(now()), rate: this.#clock.rate };
    this.#pictures.follow(pace);
    this.#sound.follow(pace);
  }

  readonly #handleVisibility = (): void => {
    if (!document.hidden && !this.#isPaused) this.#clock.skipToLive(now());
  };

  readonly #handleOnline = (): void => this.#session.refresh();

  #fail(message: string): void {
    if (this.#audioTrack === undefined) this.#finish("failed", message);
    else this.#options.onNotice(message);
  }

  #finish(state: "ended" | "failed", message: string): void {
    if (this.#end !== undefined) return;
    this.#end = { state, message };
    this.#options.onNotice(message);
    this.#options.onChange();
  }
}
