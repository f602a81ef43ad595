/** The page of a relay: what is published now, and a player for it. */

import type { LiveState, NagareLive } from "../live-player/index.ts";

/** As the relay answers. */
interface Broadcasts {
  readonly broadcasts: readonly { readonly name: string; readonly tracks: number; readonly viewers: number }[];
  /** Of the relay's certificate, in hexadecimal, if it is one for development. */
  readonly certificateHash: string | null;
  readonly dialects: readonly string[];
}

/** Milliseconds between two looks at what is published. */
const LOOK_EVERY = 2_000;
const MAX_NOTICES = 12;

const find = <T extends Element>(id: string): T => document.getElementById(id) as unknown as T;
const player = find<NagareLive>("player");
const engine = find<HTMLSelectElement>("engine");
const dialect = find<HTMLSelectElement>("dialect");
const latency = find<HTMLInputElement>("latency");
/** The relay, with the token of the page's own URL, if it has one. */
const here = new URL(`.${location.search}`, location.href);

function tell(message: string): void {
  const item = document.createElement("li");
  item.textContent = `${new Date().toLocaleTimeString()} ${message}`;
  const notices = find<HTMLOListElement>("notices");
  notices.prepend(item);
  while (notices.children.length > MAX_NOTICES) notices.lastElementChild!.remove();
}

function play(name: string): void {
  if (player.getAttribute("name") === name) return;
  player.setAttribute("src", here.href);
  player.setAttribute("name", name);
  history.replaceState(null, "", `#${encodeURIComponent(name)}`);
}

function show({ broadcasts }: Broadcasts): void {
  const current = player.getAttribute("name");
  const list = find<HTMLUListElement>("broadcasts");
  find<HTMLElement>("none").hidden = broadcasts.length > 0;
  const known = new Map([...list.children].map((item) => [(item as HTMLElement).dataset.name!, item as HTMLElement]));
  for (const { name, tracks, viewers } of broadcasts) {
    const item = known.get(name) ?? addItem(list, name);
    known.delete(name);
    item.querySelector("small")!.textContent = `${tracks} tracks, ${viewers} subscriptions`;
    item.querySelector("button")!.setAttribute("aria-current", String(name === current));
  }
  for (const item of known.values()) item.remove();
  if (current === null && broadcasts.length > 0) play(broadcasts[0]!.name);
}

function addItem(list: HTMLUListElement, name: string): HTMLElement {
  const item = document.createElement("li");
  item.dataset.name = name;
  const button = document.createElement("button");
  button.type = "button";
  const title = document.createElement("span");
  title.textContent = name;
  button.append(title, document.createElement("small"));
  button.addEventListener("click", () => {
    play(name);
    player.play();
  });
  item.append(button);
  list.append(item);
  return item;
}

function setUp({ certificateHash, dialects }: Broadcasts): void {
  if (certificateHash !== null) {
    const value = Uint8Array.from(certificateHash.match(/../g)!, (pair) => Number.parseInt(pair, 16));
    player.serverCertificateHashes = [{ algorithm: "sha-256", value }];
  }
  for (const each of dialects) dialect.append(new Option(each, each));
}

async function look(): Promise<void> {
  if (document.hidden) return;
  try {
    const answer = (await (await fetch(new URL(`broadcasts${location.search}`, here))).json()) as Broadcasts;
    if (dialect.options.length === 1) setUp(answer);
    show(answer);
  } catch {
    // The player says that the relay is gone.
  }
}

engine.addEventListener("change", () => player.setAttribute("engine", engine.value));
dialect.addEventListener("change", () => {
  if (dialect.value === "") player.removeAttribute("dialect");
  else player.setAttribute("dialect", dialect.value);
});
latency.addEventListener("input", () => {
  find<HTMLOutputElement>("latency-text").value = `at least ${latency.value} ms`;
});
latency.addEventListener("change", () => player.setAttribute("min-latency", latency.value));
player.addEventListener("notice", (event) => tell((event as CustomEvent<string>).detail));
player.addEventListener("statechange", (event) => tell((event as CustomEvent<LiveState>).detail));
document.addEventListener("visibilitychange", () => void look());

find<HTMLElement>("here").textContent = here.href;
if (location.hash.length > 1) play(decodeURIComponent(location.hash.slice(1)));
setInterval(() => void look(), LOOK_EVERY);
void look();
