// WebTransport with webtransport-go, as server and client.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/quic-go/quic-go"
)

func main() {
	role := flag.String("role", "", "server or client")
	address := flag.String("address", "", "host:port to listen on or connect to")
	certFile := flag.String("cert", "", "server: PEM file")
	keyFile := flag.String("key", "", "server: PEM file")
	ca := flag.String("ca", "", "client: PEM file of the authority")
	name := flag.String("name", "", "client: the server's name")
	sessions := flag.String("webtransport", "", "client: client-closes or server-closes")
	var load Load
	flag.StringVar(&load.Kind, "load", "", "client: datagrams, streams or sessions")
	flag.IntVar(&load.Rate, "rate", 0, "client: datagrams per second; 0 for as many as come back")
	flag.IntVar(&load.Window, "window", 1, "client: datagrams or streams at a time")
	flag.IntVar(&load.Size, "size", 100, "client: bytes of each")
	flag.IntVar(&load.Count, "count", 0, "client: streams or sessions")
	flag.IntVar(&load.Seconds, "seconds", 1, "client: the duration of datagrams")
	flag.Parse()
	config := &quic.Config{
		MaxIdleTimeout:                   30 * time.Second,
		EnableDatagrams:                  true,
		EnableStreamResetPartialDelivery: true,
	}
	var err error
	if *role == "server" {
		err = serveSessions(*address, *certFile, *keyFile, config)
	} else if load.Kind != "" {
		config.MaxIdleTimeout = 300 * time.Second
		config.KeepAlivePeriod = 20 * time.Second
		err = runLoad(*address, *ca, *name, load, config)
	} else {
		err = openSession(*address, *ca, *name, *sessions, config)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
