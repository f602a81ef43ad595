/** How the shim reads the runner's flags. */

import { describe, expect, it } from "vitest";
import { parseFlags, Unimplemented } from "./flags.ts";

const parse = (line: string) => parseFlags(line.split(" "), () => {});

describe("the shim's flags", () => {
  it("say where the runner listens, and which side to take", () => {
    const flags = parse("-port 33613 -shim-id 7309 -ipv6 -server -quic -resume-count 2");
    expect(flags).toMatchObject({
      port: 33613,
      shimId: 7309n,
      isIpv6: true,
      isServer: true,
      isQuic: true,
      resumeCount: 2,
    });
  });

  it("apply to all connections, or with a prefix to some", () => {
    const { initial, resume, retry } = parse("-host-name a.test -on-resume-host-name b.test -on-retry-expect-hrr");
    expect([initial, resume, retry].map(({ hostName }) => hostName)).toEqual(["a.test", "b.test", "a.test"]);
    expect([initial, resume, retry].map(({ expectsRetry }) => expectsRetry)).toEqual([false, false, true]);
  });

  it("may be repeated, and carry lists and bytes", () => {
    const { initial } = parse("-curves 4588 -curves 29 -advertise-alpn \x03foo\x02h3 -quic-transport-params AwQ=");
    expect(initial.curves).toEqual([4588, 29]);
    expect(initial.advertisedProtocols).toEqual(["foo", "h3"]);
    expect(initial.transportParameters).toEqual(Uint8Array.of(3, 4));
  });

  it("keep the certificates of a test apart", () => {
    const { initial } = parse(
      "-cert-file default.crt -key-file default.key -new-x509-credential -cert-file other.crt -key-file other.key -signing-prefs 1027",
    );
    expect(initial.defaultCredential).toMatchObject({ certFile: "default.crt", keyFile: "default.key" });
    expect(initial.credentials).toEqual([{ certFile: "other.crt", keyFile: "other.key", signingPreferences: [1027] }]);
  });

  it.each([
    ["-quic -new-psk-credential -psk-importer-sha256", "external pre-shared keys"],
    ["-quic -no-such-flag", "the flag -no-such-flag"],
    ["-on-resume-enable-ech-grease", "Encrypted Client Hello"],
    ["-max-version 771", "TLS 1.2 and older"],
  ])("that Nagare cannot obey make the test unimplemented, with a reason: %s", (line, reason) => {
    expect(() => parse(line)).toThrow(new Unimplemented(reason));
  });

  it("name the test even so", () => {
    let testName = "";
    const args = ["-enable-ech-grease", "-quic", "-nagare-test", "ECH-Client"];
    expect(() => parseFlags(args, (name) => (testName = name))).toThrow(Unimplemented);
    expect(testName).toBe("ECH-Client");
  });
});
