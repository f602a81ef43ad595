// A CONNECT-UDP client (RFC 9298) on quic-go's HTTP Datagrams: sends one UDP payload, and prints the answer.
//
//	connect-udp-quic-go HOST:PORT PATH HEX
package main

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

func run(address, path, payload string) error {
	data, err := hex.DecodeString(payload)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tlsConfig := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{http3.NextProtoH3}}
	conn, err := quic.DialAddr(ctx, address, tlsConfig, &quic.Config{EnableDatagrams: true, InitialPacketSize: 1350})
	if err != nil {
		return err
	}
	defer conn.CloseWithError(0x100, "")
	client := (&http3.Transport{EnableDatagrams: true}).NewClientConn(conn)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-client.ReceivedSettings():
	}
	settings := client.Settings()
	if !settings.EnableExtendedConnect || !settings.EnableDatagrams {
		return fmt.Errorf("the settings lack extended CONNECT or datagrams: %+v", settings)
	}
	stream, err := client.OpenRequestStream(ctx)
	if err != nil {
		return err
	}
	target, err := url.Parse("https://" + address + path)
	if err != nil {
		return err
	}
	request := &http.Request{
		Method: http.MethodConnect,
		Proto:  "connect-udp",
		Host:   target.Host,
		Header: http.Header{"Capsule-Protocol": []string{"?1"}},
		URL:    target,
	}
	if err := stream.SendRequestHeader(request); err != nil {
		return err
	}
	response, err := stream.ReadResponse()
	if err != nil {
		return err
	}
	if response.StatusCode != 200 {
		return fmt.Errorf("status %d: %s", response.StatusCode, response.Header.Get("Proxy-Status"))
	}
	if response.Header.Get("Capsule-Protocol") != "?1" {
		return fmt.Errorf("the response lacks capsule-protocol")
	}
	// Context ID 0, before the payload.
	if err := stream.SendDatagram(append([]byte{0}, data...)); err != nil {
		return err
	}
	answer, err := stream.ReceiveDatagram(ctx)
	if err != nil {
		return err
	}
	if len(answer) == 0 || answer[0] != 0 {
		return fmt.Errorf("the answer has another context: %x", answer)
	}
	fmt.Println(hex.EncodeToString(answer[1:]))
	return stream.Close()
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: connect-udp-quic-go HOST:PORT PATH HEX")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
