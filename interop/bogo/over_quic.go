// Part of package runner of BoringSSL while Nagare's command builds it: the tests of TLS 1.3 that the runner makes for TCP
// run over its QUIC transport, because Nagare's TLS exists only for QUIC. What cannot run there is left out, with a reason
// in the log.

package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// overQUIC returns the tests to run. Each names itself to the shim.
func overQUIC(tests []testCase) []testCase {
	log, err := os.OpenFile(os.Getenv("NAGARE_BOGO_LOG"), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		panic(err)
	}
	defer log.Close()
	names := make(map[string]bool)
	for _, test := range tests {
		names[test.name] = true
	}
	var selected []testCase
	for _, test := range tests {
		reason := leaveOut(&test, names)
		if reason == "" {
			if test.protocol == tls {
				test.protocol = quic
				test.name += "-OverQUIC"
				// The test's own protocols stay.
				test.skipQUICALPNConfig = test.config.NextProtos != nil || test.config.Bugs.ALPNProtocol != nil
				// An alert at a level for which the runner expects no more records.
				if test.expectedLocalError == "local error: bad record MAC" {
					test.expectedLocalError = "received record at initial encryption level, but expected handshake"
				}
			}
			reason = disabledBecause(test.name)
		}
		if reason != "" {
			fmt.Fprintf(log, "disabled\t%s\t%s\n", test.name, reason)
			continue
		}
		fmt.Fprintf(log, "selected\t%s\t\n", test.name)
		test.flags = append(slices.Clone(test.flags), "-nagare-test", test.name)
		selected = append(selected, test)
	}
	return selected
}

func disabledBecause(name string) string {
	for pattern, reason := range shimConfig.DisabledTests {
		if matched, _ := filepath.Match(pattern, name); matched {
			return reason
		}
	}
	return ""
}

func leaveOut(test *testCase, names map[string]bool) string {
	if test.protocol == quic {
		return ""
	}
	if test.protocol == dtls {
		return "DTLS"
	}
	if needsOldVersion(test) {
		return "TLS 1.2 and older"
	}
	// Over QUIC, the variants of a test that differ in records or in calls of BoringSSL's interface would be the same test.
	name := test.name
	for _, suffix := range []string{"-SplitHandshakeRecords", "-PackHandshake", "-ImplicitHandshake", "-NoCCS"} {
		name = strings.TrimSuffix(name, suffix)
	}
	if names[inQUIC(name)] || (name != test.name && names[name]) {
		return "another test runs that is the same over QUIC"
	}
	switch {
	case test.renegotiate > 0 || test.sendHalfHelloRequest:
		return "TLS 1.2 and older"
	case test.sendKeyUpdates > 0 || test.shimSendsKeyUpdateBeforeRead || test.expectUnsolicitedKeyUpdate:
		return "KeyUpdate (RFC 9001 §6 forbids it)"
	case test.sendPrefix != "" || test.damageFirstWrite || test.sendEmptyRecords > 0 || test.sendWarningAlerts > 0 ||
		test.sendUserCanceledAlerts > 0 || test.sendBogusAlertType || test.config.Bugs.SendFakeEarlyDataLength > 0:
		return "the record layer (QUIC carries TLS)"
	}
	return ""
}

// inQUIC returns the name of the test that the runner itself made for QUIC, if it made one.
func inQUIC(name string) string {
	parts := strings.Split(name, "-")
	for at, part := range parts {
		if part == "TLS" {
			parts[at] = "QUIC"
		}
	}
	if other := strings.Join(parts, "-"); other != name {
		return other
	}
	return ""
}

func needsOldVersion(test *testCase) bool {
	isOld := func(version uint16) bool { return version != 0 && version < VersionTLS13 }
	if isOld(test.config.MaxVersion) || isOld(test.expectations.version) {
		return true
	}
	if test.resumeConfig != nil && isOld(test.resumeConfig.MaxVersion) {
		return true
	}
	if test.resumeExpectations != nil && isOld(test.resumeExpectations.version) {
		return true
	}
	for at, flag := range test.flags {
		if strings.HasSuffix(flag, "-no-tls13") {
			return true
		}
		if strings.HasSuffix(flag, "-max-version") {
			if version, err := strconv.Atoi(test.flags[at+1]); err == nil && version < VersionTLS13 {
				return true
			}
		}
	}
	return false
}
