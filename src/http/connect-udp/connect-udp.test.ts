import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_UDP_PAYLOAD, udpDatagram, udpPayload } from "./payload.ts";
import { proxyStatus } from "./proxy-status.ts";
import {
  DEFAULT_UDP_PATH,
  defaultUdpTemplate,
  parseUdpPathTemplate,
  parseUdpTemplate,
  udpProxyUrl,
  udpTargetMatcher,
} from "./proxy-template.ts";
import { parseTargetText, targetText } from "./target.ts";

const PROXY = "https://proxy.example";

describe("templates (RFC 9298 §2)", () => {
  test.each([
    [defaultUdpTemplate(PROXY), "192.0.2.6:443", "/.well-known/masque/udp/192.0.2.6/443/"],
    // The path for [2001:db8::42]:443 in RFC 9298 §2
    [defaultUdpTemplate(PROXY), "[2001:db8::42]:443", "/.well-known/masque/udp/2001%3Adb8%3A%3A42/443/"],
    [`${PROXY}/masque?h={target_host}&p={target_port}`, "a.example:1", "/masque?h=a.example&p=1"],
    [`${PROXY}/masque{?target_host,target_port}`, "[::1]:53", "/masque?target_host=%3A%3A1&target_port=53"],
    [`${PROXY}/m?k=v{&target_port,target_host}`, "a.example:5", "/m?k=v&target_port=5&target_host=a.example"],
    [`${PROXY}/{target_host,target_port}`, "a.example:5", "/a.example,5"],
  ])("%s for %s", (template, target, path) => {
    const parsed = parseTargetText(target)!;
    expect(udpProxyUrl(parseUdpTemplate(template), parsed)).toBe(PROXY + path);
    const matched = udpTargetMatcher(parseUdpPathTemplate(template.slice(PROXY.length)))(path);
    expect(matched).toEqual(parsed);
  });

  test.each([
    ["", "empty"],
    ["/masque/{target_host}/{target_port}/", "not absolute"],
    ["https:///{target_host}/{target_port}/", "without an authority"],
    ["https://proxy.example{target_host}/{target_port}", "a variable in the authority"],
    ["https://proxy.example?h={target_host}&p={target_port}", "without a path"],
    ["ftp://proxy.example/{target_host}/{target_port}", "another scheme"],
    [`${PROXY}/{target_host}/`, "without target_port"],
    [`${PROXY}/{target_port}/`, "without target_host"],
    [`${PROXY}/ä/{target_host}/{target_port}`, "not ASCII"],
    [`${PROXY}/ /{target_host}/{target_port}`, "a space"],
    [`${PROXY}/{+target_host}/{target_port}`, "reserved expansion"],
    [`${PROXY}/{#target_host}/{target_port}`, "fragment expansion"],
    [`${PROXY}/{.target_host}/{target_port}`, "label expansion"],
    [`${PROXY}{/target_host,target_port}`, "path expansion"],
    [`${PROXY}/{;target_host,target_port}`, "path parameters"],
    [`${PROXY}/{target_host:3}/{target_port}`, "a prefix of level 4"],
    [`${PROXY}/{target_host*}/{target_port}`, "an explode of level 4"],
    [`${PROXY}/{target_host}/{target_port`, "an open brace"],
    [`${PROXY}/{target_host}/{target_port}}`, "a stray brace"],
    [`${PROXY}/{target_host}/{target_port}/{}`, "an empty expression"],
    [`${PROXY}/#{target_host}/{target_port}`, "variables in a fragment"],
  ])("%j is refused: %s", (template) => {
    expect(() => parseUdpTemplate(template)).toThrow(expect.objectContaining({ code: "TEMPLATE_INVALID" }));
  });

  test.each([
    ["/.well-known/masque/udp/192.0.2.6/443", "without the last slash"],
    ["/.well-known/masque/udp/192.0.2.6/443/x", "with more"],
    ["/.well-known/masque/udp/2001:db8::42/443/", "colons that are not encoded"],
    ["/.well-known/masque/udp//443/", "an empty host"],
    ["/.well-known/masque/udp/a.example//", "an empty port"],
    ["/.well-known/masque/udp/a.example/0/", "port 0"],
    ["/.well-known/masque/udp/%ff/443/", "not UTF-8"],
    ["/.well-known/masque/udp/fe80%3A%3A1%25eth0/443/", "an IPv6 zone"],
    ["/.well-known/masque/udp/a%2Fb/443/", "an encoded slash"],
  ])("%s has no target: %s", (path) => {
    expect(udpTargetMatcher(parseUdpPathTemplate(DEFAULT_UDP_PATH))(path)).toBeUndefined();
  });

  test("a variable that occurs twice has one value", () => {
    const match = udpTargetMatcher(parseUdpPathTemplate("/{target_host}/{target_port}{?target_host}"));
    expect(match("/a.example/5?target_host=b.example")).toBeUndefined();
    expect(targetText(match("/a.example/5?target_host=a.example")!)).toBe("a.example:5");
  });

  test("any path has a target or none", () => {
    const match = udpTargetMatcher(parseUdpPathTemplate(DEFAULT_UDP_PATH));
    fc.assert(fc.property(fc.string(), (text) => void match(`/.well-known/masque/udp/${text}/`)));
  });
});

describe("payloads (RFC 9298 §5)", () => {
  test("Context ID 0 and the UDP payload", () => {
    expect(udpDatagram(Uint8Array.of(0xde, 0xad))).toEqual(Uint8Array.of(0, 0xde, 0xad));
    expect(udpPayload(Uint8Array.of(0, 0xde, 0xad))).toEqual(Uint8Array.of(0xde, 0xad));
    expect(udpPayload(Uint8Array.of(0x40, 0, 0xad))).toEqual(Uint8Array.of(0xad));
    expect(udpPayload(Uint8Array.of(0))).toHaveLength(0);
  });

  test("an unknown context has no payload", () => {
    expect(udpPayload(Uint8Array.of(2, 1, 2))).toBeUndefined();
    expect(udpPayload(new Uint8Array(8).fill(0xff))).toBeUndefined();
  });

  test.each([[[]], [[0x40]], [[0x80, 0, 0]], [[0xc0, 0, 0, 0, 0, 0, 0]]])("%j lacks its Context ID", (bytes) => {
    expect(() => udpPayload(Uint8Array.from(bytes))).toThrow("without a Context ID");
  });

  test("more than 65,527 bytes are an error", () => {
    expect(udpPayload(new Uint8Array(1 + MAX_UDP_PAYLOAD))).toHaveLength(MAX_UDP_PAYLOAD);
    expect(() => udpPayload(new Uint8Array(2 + MAX_UDP_PAYLOAD))).toThrow("65528 bytes");
  });
});

test("Proxy-Status is a structured field (RFC 9209)", () => {
  expect(proxyStatus("nagare", "dns_error", { rcode: "NXDOMAIN" })).toBe('nagare; error=dns_error; rcode="NXDOMAIN"');
  expect(proxyStatus("nagare", "destination_ip_prohibited", { details: 'a "b"\\c\r\nä' })).toBe(
    'nagare; error=destination_ip_prohibited; details="a \\"b\\"\\\\c"',
  );
});
