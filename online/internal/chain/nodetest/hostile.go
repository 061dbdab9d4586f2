package nodetest

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/node"
	"coldsign/shared/chain"
	"coldsign/shared/quote"
)

const secret = "0123456789abcdefsecret"

// Connect makes the client under test.
type Connect func(transport.Config) (node.Node, error)

// Hostile runs a client against nodes that break HTTP and JSON-RPC. Nothing of
// it may look like a transaction, or like the end of one, and no error may hold
// the address's secret or raw text.
func Hostile(t *testing.T, connect Connect, network chain.ID, s chain.Sealed) {
	t.Helper()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the client followed a redirect")
	}))
	defer elsewhere.Close()
	handlers := broken()
	handlers["redirect"] = http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect).ServeHTTP
	for name, handler := range handlers {
		t.Run("hostile "+name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			patience := 5 * time.Second // only the slow one ever needs it
			if name == "drip" {
				patience = 100 * time.Millisecond
			}
			attack(t, connect, transport.Config{Network: network, URL: server.URL + "/v3/" + secret, User: "u", Password: secret, Depth: 1}, s, patience)
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		attack(t, connect, transport.Config{Network: network, URL: server.URL, Depth: 1}, s, 5*time.Second)
	})
}

func attack(t *testing.T, connect Connect, c transport.Config, s chain.Sealed, patience time.Duration) {
	t.Helper()
	n, err := connect(c)
	if err != nil {
		t.Fatal(err)
	}
	within := func(what string, do func(context.Context) error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		err := do(ctx)
		if err != nil && (!quote.Plain(err.Error()) || len(err.Error()) > 1000 || strings.Contains(err.Error(), secret)) {
			t.Errorf("%s: the error is not fit to show: %q", what, err)
		}
	}
	within("Check", func(ctx context.Context) error {
		err := n.Check(ctx)
		if err == nil {
			t.Error("Check took it for its network")
		}
		return err
	})
	within("Send", func(ctx context.Context) error {
		outcome, err := n.Send(ctx, s)
		if outcome != node.Ambiguous || err == nil {
			t.Errorf("Send: outcome %d, error %v", outcome, err)
		}
		return err
	})
	within("Look", func(ctx context.Context) error {
		saw, err := n.Look(ctx, s)
		if saw != (node.Sighting{}) {
			t.Errorf("Look: %+v", saw)
		}
		return err
	})
}

func broken() map[string]http.HandlerFunc {
	write := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}
	}
	long := `{"jsonrpc":"2.0","id":1,"result":"` + strings.Repeat("a", 10<<20) + `"}`
	return map[string]http.HandlerFunc{
		"html":         write(200, "<html>\x1b[2Jlogin</html>"),
		"empty":        write(200, ""),
		"null":         write(200, `{"jsonrpc":"2.0","id":1,"result":null}`),
		"nothing":      write(200, `{}`),
		"array":        write(200, `[]`),
		"number":       write(200, `{"jsonrpc":"2.0","id":1,"result":7}`),
		"object":       write(200, `{"jsonrpc":"2.0","id":1,"result":{}}`),
		"list":         write(200, `{"jsonrpc":"2.0","id":1,"result":[null]}`),
		"truncated":    write(200, `{"jsonrpc":"2.0","id":1,"resu`),
		"deep":         write(200, strings.Repeat("[", 100_000)),
		"long":         write(200, long),
		"unauthorized": write(401, "no\u202e"),
		"busy":         write(503, `{"jsonrpc":"2.0","id":1,"result":"0x1"}`),
		"escape":       write(200, `{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"\u001b[2J\n`+strings.Repeat("x", 5000)+secret+`"}}`),
		"bomb": func(w http.ResponseWriter, _ *http.Request) {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			z.Write([]byte(long)) //nolint:errcheck // to memory
			z.Close()
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(b.Bytes()) //nolint:errcheck // the client may hang up
		},
		"drip": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				fmt.Fprint(w, " ")
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(10 * time.Millisecond):
				}
			}
		},
		"endless": func(w http.ResponseWriter, r *http.Request) { // ten gigabytes, or as much as is taken
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":"`)
			for i, page := 0, strings.Repeat("a", 1<<20); i < 10<<10; i++ {
				if _, err := fmt.Fprint(w, page); err != nil {
					return
				}
			}
		},
		"hang up": func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				c.Close()
			}
		},
	}
}
