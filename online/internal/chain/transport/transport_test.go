package transport

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAnswersAreBounded(t *testing.T) {
	for _, c := range []struct {
		size int
		ok   bool
	}{{0, true}, {MaxBody - 1, true}, {MaxBody, true}, {MaxBody + 1, false}, {2 * MaxBody, false}} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "u" || password != "p" {
				t.Errorf("authentication: %q %q", user, password)
			}
			io.WriteString(w, strings.Repeat("x", c.size)) //nolint:errcheck // the client may hang up
		}))
		resp, err := Config{User: "u", Password: "p"}.Client().Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if (err == nil) != c.ok || c.ok && len(got) != c.size || len(got) > MaxBody+1 {
			t.Errorf("%d bytes: read %d, %v", c.size, len(got), err)
		}
		resp.Body.Close()
		s.Close()
	}
}

func TestClientHasATimeLimit(t *testing.T) {
	if got := (Config{}).Client().Timeout; got != Timeout {
		t.Errorf("time limit %s, want %s", got, Timeout)
	}
}

func TestErrorsHideSecrets(t *testing.T) {
	c := Config{URL: "https://n.example/v3/longapikey?token=t0ken", User: "u", Password: "geheim"}
	_, get := c.Client().Get("http://127.0.0.1:1/longapikey")
	if get == nil {
		t.Fatal("port 1 answers")
	}
	for _, err := range []error{
		c.Unusable(get),
		c.Unusable(fmt.Errorf("rpc call to %s failed with geheim", c.URL)),
		c.Says(-1, "longapikey token=t0ken \x1b[2J"),
		c.WrongNetwork("geheim"),
	} {
		for _, secret := range []string{"longapikey", "t0ken", "geheim", "\x1b"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q shows %q", err, secret)
			}
		}
	}
}
