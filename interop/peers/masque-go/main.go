// CONNECT-UDP (RFC 9298) with masque-go. The client sends one UDP payload to a target, and prints the answer; the proxy takes any target.
//
//	masque-go client TEMPLATE TARGET HEX
//	masque-go proxy HOST:PORT CERT KEY
package main

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/quic-go/masque-go"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/yosida95/uritemplate/v3"
)

const path = "/.well-known/masque/udp/{target_host}/{target_port}/"

func ask(raw, target, payload string) error {
	data, err := hex.DecodeString(payload)
	if err != nil {
		return err
	}
	template, err := uritemplate.New(raw)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := masque.NewRequest(ctx, template, target)
	if err != nil {
		return err
	}
	transport := masque.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{http3.NextProtoH3}},
		QUICConfig:      &quic.Config{EnableDatagrams: true, InitialPacketSize: 1350},
	}
	conn, response, err := transport.Dial(request)
	if err != nil {
		return err
	}
	defer conn.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %s", response.StatusCode, response.Header.Get("Proxy-Status"))
	}
	if _, err := conn.WriteTo(data, nil); err != nil {
		return err
	}
	answer := make([]byte, 65_535)
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	length, _, err := conn.ReadFrom(answer)
	if err != nil {
		return err
	}
	fmt.Println(hex.EncodeToString(answer[:length]))
	return nil
}

func serve(address, certFile, keyFile string) error {
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return err
	}
	template, err := uritemplate.New("https://" + address + path)
	if err != nil {
		return err
	}
	var proxy masque.Proxy
	mux := http.NewServeMux()
	mux.HandleFunc(path, func(response http.ResponseWriter, request *http.Request) {
		parsed, err := masque.ParseProxyRequest(request, template)
		if err != nil {
			status := http.StatusBadRequest
			var refused *masque.ProxyRequestParseError
			if errors.As(err, &refused) {
				status = refused.HTTPStatus
			}
			response.WriteHeader(status)
			return
		}
		_ = proxy.Proxy(response, parsed)
	})
	server := http3.Server{
		Addr:            address,
		TLSConfig:       http3.ConfigureTLSConfig(&tls.Config{Certificates: []tls.Certificate{certificate}}),
		QUICConfig:      &quic.Config{EnableDatagrams: true, InitialPacketSize: 1350},
		EnableDatagrams: true,
		Handler:         mux,
	}
	return server.ListenAndServe()
}

func main() {
	err := errors.New("usage: masque-go client TEMPLATE TARGET HEX, or masque-go proxy HOST:PORT CERT KEY")
	if len(os.Args) == 5 && os.Args[1] == "client" {
		err = ask(os.Args[2], os.Args[3], os.Args[4])
	} else if len(os.Args) == 5 && os.Args[1] == "proxy" {
		err = serve(os.Args[2], os.Args[3], os.Args[4])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
