package carry

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"coldsign/online/internal/crossing"
)

// counted counts what is read of a body.
type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// Whoever sends pictures slowly fills no memory: a body is not read before it has a
// place, and nobody waits for one for ever.
func TestPicturesHavePlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{})
		s, err := newScan(kindAnswers, crossing.Of{})
		ok(t, err)
		g.put(s)
		ask := func(body io.Reader) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/?width=16&height=16", body)
			r.SetPathValue("scan", s.id)
			w := httptest.NewRecorder()
			g.answered(g.picture)(w, r)
			return w
		}
		var slow []*io.PipeWriter
		for range maxHeld {
			r, w := io.Pipe()
			slow = append(slow, w)
			go ask(r)
		}
		synctest.Wait()
		began, body := time.Now(), &counted{Reader: bytes.NewReader(make([]byte, 256))}
		if w := ask(body); w.Code != http.StatusServiceUnavailable || body.n != 0 || time.Since(began) != placeTime {
			t.Errorf("%d after %s, and %d bytes were read", w.Code, time.Since(began), body.n)
		}
		for _, w := range slow {
			w.CloseWithError(io.ErrUnexpectedEOF)
		}
		synctest.Wait()
		if w := ask(body); w.Code != http.StatusOK || body.n != 256 || len(g.held)+len(g.readers) != 0 {
			t.Errorf("%d, %d bytes were read, %d and %d places are taken", w.Code, body.n, len(g.held), len(g.readers))
		}
		if w := ask(bytes.NewReader(make([]byte, 257))); w.Code != http.StatusBadRequest {
			t.Errorf("more bytes than the picture has: %d", w.Code)
		}
		// Those who are slow at looking hold up nobody's bytes, and are not waited for either.
		for range cap(g.readers) {
			g.readers <- struct{}{}
		}
		if w := ask(bytes.NewReader(make([]byte, 256))); w.Code != http.StatusServiceUnavailable || len(g.held) != 0 {
			t.Errorf("%d", w.Code)
		}
	})
}

// Files have places too, which are few: one may be as large as a bundle of everything.
// Their pictures are not looked at for ever.
func TestFilesHavePlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{})
		ask := func(body io.Reader) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			g.answered(g.fromFile)(w, httptest.NewRequestWithContext(t.Context(), "POST", "/in/file?kind=answers", body))
			return w
		}
		var slow []*io.PipeWriter
		for range maxFiles {
			r, w := io.Pipe()
			slow = append(slow, w)
			go ask(r)
		}
		synctest.Wait()
		began, body := time.Now(), &counted{Reader: strings.NewReader("P5 16 16 255\n" + strings.Repeat("x", 256))}
		if w := ask(body); w.Code != http.StatusServiceUnavailable || body.n != 0 || time.Since(began) != placeTime {
			t.Errorf("%d after %s, and %d bytes were read", w.Code, time.Since(began), body.n)
		}
		for _, w := range slow {
			w.CloseWithError(io.ErrUnexpectedEOF)
		}
		synctest.Wait()
		for range cap(g.readers) { // others keep all readers busy
			g.readers <- struct{}{}
		}
		began = time.Now()
		if w := ask(body); !strings.Contains(w.Body.String(), "carry.film") || time.Since(began) > filmTime || len(g.files) != 0 {
			t.Errorf("%s after %s, %d places are taken", w.Body, time.Since(began), len(g.files))
		}
	})
}

// one is a listener with a single connection.
type one struct {
	net.Listener
	conn chan net.Conn
}

func (l one) Accept() (net.Conn, error) {
	c, more := <-l.conn
	if !more {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l one) Close() error   { return nil }
func (l one) Addr() net.Addr { return &net.TCPAddr{} }

// A picture that trickles in gives its place up.
func TestPictureThatTrickles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Config{})
		s, err := newScan(kindAnswers, crossing.Of{})
		ok(t, err)
		g.put(s)
		mux := http.NewServeMux()
		mux.HandleFunc("POST /{scan}", g.answered(g.picture))
		here, there := net.Pipe()
		l := one{conn: make(chan net.Conn, 1)}
		l.conn <- there
		server := &http.Server{Handler: mux}
		served, sent := make(chan struct{}), make(chan struct{})
		go func() { defer close(served); _ = server.Serve(l) }()
		_, err = fmt.Fprintf(here, "POST /%s?width=640&height=480 HTTP/1.1\r\nHost: x\r\nContent-Length: 307200\r\n\r\n", s.id)
		ok(t, err)
		began := time.Now()
		go func() {
			defer close(sent)
			for tick := time.NewTicker(time.Second); ; {
				<-tick.C
				if _, err := here.Write(make([]byte, 100)); err != nil {
					return
				}
			}
		}()
		a, err := http.ReadResponse(bufio.NewReader(here), nil)
		ok(t, err)
		if took := time.Since(began); a.StatusCode != http.StatusBadRequest || took != pictureTime || len(g.held) != 0 {
			t.Errorf("%d after %s", a.StatusCode, took)
		}
		here.Close()
		close(l.conn)
		ok(t, server.Shutdown(t.Context()))
		<-served
		<-sent
	})
}
