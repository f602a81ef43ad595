// A file server and a client on quic-go's http3 package, with its defaults unless an option says otherwise.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

func main() {
	role := flag.String("role", "", "server or client")
	address := flag.String("address", "", "host:port to listen on or connect to")
	certFile := flag.String("cert", "", "server: PEM file")
	keyFile := flag.String("key", "", "server: PEM file")
	protocol := flag.String("protocol", "h3", "h3 or hq-interop")
	root := flag.String("root", "", "server: the folder to serve")
	retry := flag.Bool("retry", false, "server: answer each first Initial with a Retry")
	ca := flag.String("ca", "", "client: PEM file of the authority")
	name := flag.String("name", "", "client: the server's name")
	output := flag.String("output", "", "client: the folder for files")
	resume := flag.String("resume", "", "client: session or early, for a second connection that resumes the first one's session")
	idle := flag.Int("idle", 30, "seconds without packets after which a connection ends, during the handshake too")
	flag.Parse()
	config := &quic.Config{
		Allow0RTT:            true,
		MaxIdleTimeout:       time.Duration(*idle) * time.Second,
		HandshakeIdleTimeout: time.Duration(*idle) * time.Second,
	}
	var err error
	if *role == "server" {
		err = serve(*address, *certFile, *keyFile, *root, *retry, *protocol, config)
	} else {
		err = download(*address, *ca, *name, *output, *resume, *protocol, flag.Args(), config)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(address, certFile, keyFile, root string, retry bool, protocol string, config *quic.Config) error {
	certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return err
	}
	udp, err := net.ListenPacket("udp", address)
	if err != nil {
		return err
	}
	transport := &quic.Transport{
		Conn:                udp,
		VerifySourceAddress: func(net.Addr) bool { return retry },
	}
	if protocol == hqALPN {
		return serveHQ(transport, certificate, root, config)
	}
	security := http3.ConfigureTLSConfig(&tls.Config{Certificates: []tls.Certificate{certificate}})
	listener, err := transport.ListenEarly(security, config)
	if err != nil {
		return err
	}
	server := &http3.Server{Handler: handler(root)}
	return server.ServeListener(listener)
}

// For benchmarks, /memory/N answers N bytes from memory, and a POST is answered with the number of its bytes.
func handler(root string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(root)))
	mux.HandleFunc("POST /", func(response http.ResponseWriter, request *http.Request) {
		bytes, err := io.Copy(io.Discard, request.Body)
		if err == nil {
			fmt.Fprint(response, bytes)
		}
	})
	var bodies sync.Map
	mux.HandleFunc("GET /memory/{size}", func(response http.ResponseWriter, request *http.Request) {
		size, err := strconv.Atoi(request.PathValue("size"))
		if err != nil {
			http.NotFound(response, request)
			return
		}
		body, isKept := bodies.Load(size)
		if !isKept {
			body, _ = bodies.LoadOrStore(size, bytes.Repeat([]byte("a"), size))
		}
		response.Header().Set("content-length", strconv.Itoa(size))
		_, _ = response.Write(body.([]byte))
	})
	return mux
}

// Report is what the client knows of its last connection.
type Report struct {
	Protocol string `json:"protocol"`
	Resumed  bool   `json:"resumed"`
	Used0RTT bool   `json:"used0RTT"`
	Version  string `json:"version"`
}

func download(address, ca, name, output, resume, protocol string, paths []string, config *quic.Config) error {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	security := &tls.Config{RootCAs: roots, ServerName: name, ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	visits := 1
	if resume != "" {
		visits = 2
	}
	var report Report
	for visit := 0; visit < visits; visit++ {
		if protocol == hqALPN {
			if report, err = visitHQ(address, output, security, paths, config); err != nil {
				return err
			}
			continue
		}
		method := http.MethodGet
		if visit == 1 && resume == "early" {
			method = http3.MethodGet0RTT
		}
		if report, err = visitOnce(address, name, output, method, security, paths, config); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}

func visitOnce(address, name, output, method string, security *tls.Config, paths []string, config *quic.Config) (Report, error) {
	var connection *quic.Conn
	transport := &http3.Transport{
		TLSClientConfig: security,
		QUICConfig:      config,
		Dial: func(ctx context.Context, _ string, t *tls.Config, q *quic.Config) (*quic.Conn, error) {
			var err error
			connection, err = quic.DialAddrEarly(ctx, address, t, q)
			return connection, err
		},
	}
	defer transport.Close()
	errs := make([]error, len(paths))
	protocols := make([]string, len(paths))
	var group sync.WaitGroup
	for i, path := range paths {
		group.Add(1)
		go func() {
			defer group.Done()
			protocols[i], errs[i] = fetch(transport, method, "https://"+name+path, filepath.Join(output, filepath.Base(path)))
		}()
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return Report{}, err
		}
	}
	state := connection.ConnectionState()
	protocol := protocols[0]
	if protocol == "HTTP/3.0" {
		protocol = "h3"
	}
	return Report{
		Protocol: protocol,
		Resumed:  state.TLS.DidResume,
		Used0RTT: state.Used0RTT,
		Version:  strings.TrimPrefix(state.Version.String(), "v"),
	}, nil
}

func fetch(transport *http3.Transport, method, url, file string) (string, error) {
	request, err := http.NewRequest(method, url, nil)
	if err != nil {
		return "", err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d for %s", response.StatusCode, url)
	}
	target, err := os.Create(file)
	if err != nil {
		return "", err
	}
	defer target.Close()
	_, err = io.Copy(target, response.Body)
	return response.Proto, err
}
