// Load on a server that sends everything back, for `npm run bench -- webtransport`.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"
)

// Load is what the client shall do.
type Load struct {
	Kind    string // datagrams, streams or sessions
	Rate    int    // datagrams per second; 0 keeps Window of them under way
	Window  int    // datagrams or streams at a time
	Size    int    // bytes of each
	Count   int    // streams or sessions
	Seconds int    // datagrams
}

// Done is what came of it. Times are in microseconds.
type Done struct {
	Sent     int     `json:"sent"`
	Received int     `json:"received"`
	Seconds  float64 `json:"seconds"`
	P50      float64 `json:"p50"`
	P99      float64 `json:"p99"`
}

// patience is how long a datagram may take before it counts as lost.
const patience = 200 * time.Millisecond

// echoSession sends back what comes, until the session ends.
func echoSession(session *webtransport.Session) {
	go func() {
		for {
			payload, err := session.ReceiveDatagram(session.Context())
			if err != nil {
				return
			}
			_ = session.SendDatagram(payload)
		}
	}()
	for {
		stream, err := session.AcceptStream(session.Context())
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(stream, stream)
			_ = stream.Close()
		}()
	}
}

func runLoad(address, ca, name string, load Load, config *quic.Config) error {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	security := &tls.Config{RootCAs: roots, ServerName: name, NextProtos: []string{http3.NextProtoH3}}
	_, port, _ := net.SplitHostPort(address)
	dial := func() (*webtransport.Session, error) {
		connection, err := quic.DialAddr(context.Background(), address, security, config)
		if err != nil {
			return nil, err
		}
		client, err := new(webtransport.Transport).NewClientConn(connection)
		if err != nil {
			return nil, err
		}
		_, session, err := client.Dial(context.Background(), "https://"+name+":"+port+"/echo", nil)
		return session, err
	}
	var done Done
	switch load.Kind {
	case "sessions":
		done, err = openSessions(dial, load)
	default:
		var session *webtransport.Session
		if session, err = dial(); err == nil {
			if load.Kind == "streams" {
				done, err = loadStreams(session, load)
			} else {
				done, err = loadDatagrams(session, load)
			}
		}
	}
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(done); err != nil {
		return err
	}
	// The sessions stay open until the other side has measured.
	_, _ = io.ReadAll(os.Stdin)
	return nil
}

func loadDatagrams(session *webtransport.Session, load Load) (Done, error) {
	var sent, received atomic.Int64
	var mutex sync.Mutex
	var times []float64
	begun := time.Now()
	end := begun.Add(time.Duration(load.Seconds) * time.Second)
	arrived := make(chan struct{}, 1<<16)
	go func() {
		for {
			payload, err := session.ReceiveDatagram(session.Context())
			if err != nil {
				return
			}
			took := time.Since(begun) - time.Duration(binary.BigEndian.Uint64(payload))
			received.Add(1)
			mutex.Lock()
			times = append(times, float64(took.Microseconds()))
			mutex.Unlock()
			select {
			case arrived <- struct{}{}:
			default:
			}
		}
	}()
	send := func() error {
		payload := make([]byte, load.Size)
		binary.BigEndian.PutUint64(payload, uint64(time.Since(begun)))
		sent.Add(1)
		return session.SendDatagram(payload)
	}
	if load.Rate > 0 {
		interval := time.Second / time.Duration(load.Rate)
		for next := begun; next.Before(end); next = next.Add(interval) {
			time.Sleep(time.Until(next))
			if err := send(); err != nil {
				return Done{}, err
			}
		}
	} else {
		for range load.Window {
			if err := send(); err != nil {
				return Done{}, err
			}
		}
		for time.Now().Before(end) {
			select {
			case <-arrived:
			case <-time.After(patience): // lost
			}
			if err := send(); err != nil {
				return Done{}, err
			}
		}
	}
	took := time.Since(begun)
	time.Sleep(patience)
	mutex.Lock()
	defer mutex.Unlock()
	return done(int(sent.Load()), int(received.Load()), took, times), nil
}

func loadStreams(session *webtransport.Session, load Load) (Done, error) {
	var mutex sync.Mutex
	var times []float64
	var left atomic.Int64
	left.Store(int64(load.Count))
	content := make([]byte, load.Size)
	begun := time.Now()
	errs := make(chan error, load.Window)
	for range load.Window {
		go func() {
			for left.Add(-1) >= 0 {
				start := time.Now()
				if err := roundTrip(session, content); err != nil {
					errs <- err
					return
				}
				mutex.Lock()
				times = append(times, float64(time.Since(start).Microseconds()))
				mutex.Unlock()
			}
			errs <- nil
		}()
	}
	for range load.Window {
		if err := <-errs; err != nil {
			return Done{}, err
		}
	}
	return done(load.Count, len(times), time.Since(begun), times), nil
}

func roundTrip(session *webtransport.Session, content []byte) error {
	stream, err := session.OpenStreamSync(session.Context())
	if err != nil {
		return err
	}
	if _, err := stream.Write(content); err != nil {
		return err
	}
	if err := stream.Close(); err != nil {
		return err
	}
	echo, err := io.ReadAll(stream)
	if err == nil && len(echo) != len(content) {
		err = fmt.Errorf("%d bytes came back", len(echo))
	}
	return err
}

// openSessions opens Count sessions, Window at a time, and has one stream come back on each.
func openSessions(dial func() (*webtransport.Session, error), load Load) (Done, error) {
	var left atomic.Int64
	left.Store(int64(load.Count))
	var mutex sync.Mutex
	var times []float64
	errs := make(chan error, load.Window)
	begun := time.Now()
	for range load.Window {
		go func() {
			for left.Add(-1) >= 0 {
				start := time.Now()
				session, err := dial()
				if err == nil {
					err = roundTrip(session, make([]byte, load.Size))
				}
				if err != nil {
					errs <- err
					return
				}
				mutex.Lock()
				times = append(times, float64(time.Since(start).Microseconds()))
				mutex.Unlock()
			}
			errs <- nil
		}()
	}
	for range load.Window {
		if err := <-errs; err != nil {
			return Done{}, err
		}
	}
	return done(load.Count, len(times), time.Since(begun), times), nil
}

func done(sent, received int, took time.Duration, times []float64) Done {
	sort.Float64s(times)
	at := func(share float64) float64 {
		if len(times) == 0 {
			return 0
		}
		return times[min(len(times)-1, int(share*float64(len(times))))]
	}
	return Done{sent, received, took.Seconds(), at(0.5), at(0.99)}
}
