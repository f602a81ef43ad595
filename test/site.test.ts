// The demo page, checked without a browser: no other origins, no dead links, sufficient contrast, valid markup.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const SITE = join(import.meta.dirname, "../examples/site");
/** The browser's half of nagare/webtransport, which the program serves from the build. */
const SERVED = "/webtransport.js";
const file = (name: string): string => readFileSync(join(SITE, name), "utf8");
const html = file("index.html");
const css = file("style.css");

describe("the markup", () => {
  test("every opened element is closed, in order", () => {
    const open: string[] = [];
    for (const [, closing, name, rest] of withoutComments(html).matchAll(/<(\/?)([a-z][a-z0-9]*)([^>]*)>/g)) {
      if (rest!.endsWith("/") || VOID.has(name!)) continue;
      if (closing === "") open.push(name!);
      else expect(open.pop(), `</${name}>`).toBe(name);
    }
    expect(open).toEqual([]);
  });

  test("ids are unique, and every reference to one resolves", () => {
    const ids = attributes("id");
    expect(new Set(ids).size).toBe(ids.length);
    for (const name of ["aria-labelledby", "aria-describedby", "for"]) {
      for (const reference of attributes(name)) expect(ids, name).toContain(reference);
    }
    for (const link of attributes("href")) if (link.startsWith("#")) expect(ids).toContain(link.slice(1));
  });

  test("has a language, a title, a description, one h1, and no skipped heading level", () => {
    expect(html).toMatch(/^<!doctype html>\n<html lang="en"/);
    expect(html).toMatch(/<title>[^<]{10,}<\/title>/);
    expect(html).toMatch(/<meta name="description" content="[^"]{20,}"/);
    const levels = [...html.matchAll(/<h([1-6])\b/g)].map(([, level]) => Number(level));
    expect(levels.filter((level) => level === 1)).toHaveLength(1);
    levels.reduce((before, level) => {
      expect(level - before).toBeLessThanOrEqual(1);
      return level;
    }, 0);
  });

  test("every button and field has a label", () => {
    for (const [, label] of html.matchAll(/<button[^>]*>([\s\S]*?)<\/button>/g)) expect(label!.trim()).not.toBe("");
    for (const [, label] of html.matchAll(/<label>([\s\S]*?)<\/label>/g)) expect(label).toMatch(/<span>[^<]+<\/span>/);
    for (const [svg] of html.matchAll(/<svg[^>]*>/g)) expect(svg).toMatch(/aria-hidden="true"|role="img" aria-label="/);
  });

  test("contains the text for each protocol before any script has run", () => {
    expect(html).toContain('data-protocol="unknown"');
    const shown = attributes("data-when").flatMap((value) => value.split(" "));
    for (const protocol of ["h3", "h2", "http/1.1", "unknown"]) expect(shown).toContain(protocol);
  });
});

describe("the files", () => {
  test("exist if referenced", () => {
    const targets = [...attributes("href"), ...attributes("src")].filter((target) => !target.startsWith("#"));
    expect(targets).toContain("style.css");
    for (const target of targets) expect(existsSync(join(SITE, target)), target).toBe(true);
    for (const name of scripts()) {
      for (const [, target] of file(name).matchAll(/from "([^"]+)"/g)) {
        if (target !== SERVED) expect(existsSync(join(SITE, target!)), target).toBe(true);
      }
    }
  });

  test("the program serves what is not a file of the site", () => {
    expect(readFileSync(join(SITE, "../start/app.ts"), "utf8")).toContain(`"${SERVED}"`);
  });

  test("load nothing from other origins", () => {
    for (const name of readdirSync(SITE)) {
      const foreign = [...file(name).matchAll(/(?:https?:)?\/\/[\w.-]+\.[a-z]{2,}[^\s"')]*/g)].map(
        ([address]) => address,
      );
      expect(
        foreign.filter((address) => !address.startsWith("http://www.w3.org/")),
        name,
      ).toEqual([]);
    }
  });

  test("keep scripts and styles out of the markup, as the content security policy requires", () => {
    expect(html).not.toMatch(/<style|<script(?![^>]*src=)|\son\w+="|\sstyle="/);
  });

  test("contain every element that their scripts look up", () => {
    const ids = new Set(attributes("id"));
    for (const name of scripts()) {
      for (const [, id] of file(name).matchAll(/(?:getElementById|byId)\("([^"]+)"\)/g))
        expect(ids, `${name}: ${id}`).toContain(id);
    }
  });
});

describe("the colors", () => {
  const light = tokens(css.slice(0, css.indexOf("@media")));
  const dark = { ...light, ...tokens(/@media \(prefers-color-scheme: dark\) \{([\s\S]*?)\n\}/.exec(css)![1]!) };

  // WCAG 2.2 §1.4.3: text; §1.4.11: meaningful parts of drawings and controls.
  const text = [
    ["ink", "paper"],
    ["ink", "raised"],
    ["ink", "foam"],
    ["soft", "paper"],
    ["soft", "raised"],
    ["soft", "foam"],
    ["water", "paper"],
    ["clay", "paper"],
    ["on-water", "water"],
  ] as const;
  const drawings = [
    ["water", "raised"],
    ["water", "foam"],
    ["moss", "paper"],
    ["stone", "paper"],
    ["soft", "foam"],
  ] as const;

  for (const [scheme, colors] of [
    ["light", light],
    ["dark", dark],
  ] as const) {
    test.each(text)(`${scheme}: %s on %s is readable`, (front, back) => {
      expect(contrast(colors[front]!, colors[back]!)).toBeGreaterThanOrEqual(4.5);
    });
    test.each(drawings)(`${scheme}: %s on %s is visible`, (front, back) => {
      expect(contrast(colors[front]!, colors[back]!)).toBeGreaterThanOrEqual(3);
    });
  }

  test("come only from tokens", () => {
    const rules = css.slice(css.indexOf("*,\n"));
    expect(rules).not.toMatch(/#[0-9a-f]{3,8}\b|rgba?\(|hsla?\(/i);
  });

  test("the contrast of black and white is 21", () => {
    expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 5);
  });
});

test("users who prefer reduced motion see none", () => {
  const animated = [...css.matchAll(/animation:|scroll-behavior: smooth/g)].length;
  expect(animated).toBeGreaterThan(0);
  expect(css).toMatch(/@media \(prefers-reduced-motion: reduce\) \{[\s\S]*animation-play-state: paused/);
  expect(css).toMatch(/@media \(prefers-reduced-motion: no-preference\) \{[\s\S]*scroll-behavior: smooth/);
  expect(file("race.js")).toContain("prefers-reduced-motion: reduce");
});

const VOID = new Set(["meta", "link", "input", "br", "hr", "img"]);

function withoutComments(text: string): string {
  return text.replace(/<!--[\s\S]*?-->/g, "");
}

function attributes(name: string): string[] {
  return [...withoutComments(html).matchAll(new RegExp(`\\s${name}="([^"]*)"`, "g"))].map(([, value]) => value!);
}

function scripts(): string[] {
  return readdirSync(SITE).filter((name) => name.endsWith(".js"));
}

function tokens(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]));
}

function contrast(first: string, second: string): number {
  const [light, dark] = [luminance(first), luminance(second)].sort((a, b) => b - a) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** WCAG 2.2, "relative luminance". */
function luminance(color: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
