package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"coldsign/online/internal/store"
	"coldsign/shared/fault"
)

// nobody is a machine without addresses.
func nobody() ([]net.Addr, error) { return nil, nil }

// TestGuard: what leads inside is refused in every form, and what does not is not.
func TestGuard(t *testing.T) {
	g := Guard{own: func() ([]net.Addr, error) {
		return []net.Addr{&net.IPNet{IP: net.IPv4(9, 9, 9, 9), Mask: net.CIDRMask(24, 32)}}, nil
	}}
	for _, a := range strings.Fields(`0.0.0.0 0.1.2.3 127.0.0.1 127.255.255.254 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1
 100.100.100.200 192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 168.63.129.16 9.9.9.9
 :: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd00:ec2::254 ff02::1 ::ffff:9.9.9.9
 64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::7f00:1 2002:7f00:1::1 2002:a00:1::1 2002:c0a8:101::1 2001::1 2001:db8::1 3fff::1 100::1 5f00::1`) {
		for _, plain := range []bool{false, true} {
			if err := g.Check(netip.MustParseAddr(a), plain); !fault.Is(err, "webhook.address") {
				t.Errorf("%s (http %v): %v", a, plain, err)
			}
		}
	}
	for _, a := range strings.Fields("1.1.1.1 9.9.9.8 172.32.0.1 100.128.0.1 2606:4700::1 64:ff9b::101:101 2002:101:101::1 ::ffff:1.1.1.1 2a00::1") {
		if err := g.Check(netip.MustParseAddr(a), false); err != nil {
			t.Errorf("%s: %v", a, err)
		}
		if err := g.Check(netip.MustParseAddr(a), true); !fault.Is(err, "webhook.address") {
			t.Errorf("%s by http: %v", a, err)
		}
	}
	g.Allow = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	for a, allowed := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "127.0.0.1": false} {
		if err := g.Check(netip.MustParseAddr(a), true); (err == nil) != allowed {
			t.Errorf("%s: %v", a, err)
		}
	}
}

// receiverTLS is a receiver on this machine, and a count of what reached it.
func receiverTLS(t *testing.T) (*httptest.Server, *atomic.Int64, *tls.Config) {
	t.Helper()
	var reached atomic.Int64
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { reached.Add(1) }))
	t.Cleanup(s.Close)
	trust := x509.NewCertPool()
	trust.AddCert(s.Certificate())
	return s, &reached, &tls.Config{RootCAs: trust, ServerName: "example.com"}
}

// TestHostsThatLeadInside: however the host is written, the connection's address
// counts; a receiver that listens there is not reached, and with the address
// allowed it is.
func TestHostsThatLeadInside(t *testing.T) {
	s, reached, trust := receiverTLS(t)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	for _, allow := range []bool{false, true} {
		g := Guard{own: nobody}
		if allow {
			g.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		}
		sender := NewSender(g, epoch)
		sender.clients["https"] = client(g, false, everyName(&asked), trust)
		for _, host := range []string{"127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0", "127.0.0.1.", "[::]"} {
			before := reached.Load()
			_, err := sender.Send(t.Context(), store.Receiver{URL: "https://" + host + ":" + port + "/"}, "id", "{}")
			if got := reached.Load() != before; got && !allow || err == nil && !allow {
				t.Errorf("%s was reached (%v)", host, err)
			} else if allow && host == "127.0.0.1" && (!got || err != nil) {
				t.Errorf("%s was not reached: %v", host, err)
			}
		}
	}
}

// TestRebinding: a name that means a public address when it is subscribed and
// one inside later is not told: the address of the connection counts.
func TestRebinding(t *testing.T) {
	s, reached, trust := receiverTLS(t)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	resolver := everyName(&asked)
	g := Guard{own: nobody}
	sender := NewSender(g, epoch)
	sender.clients["https"] = client(g, false, resolver, trust)
	to := store.Receiver{URL: "https://rebind.example.com:" + port + "/"}
	if err := g.CheckURL(to.URL); err != nil {
		t.Fatal(err) // the name alone is as good as any
	}
	answer, err := sender.Send(t.Context(), to, "id", "{}")
	if !fault.Is(err, "webhook.address") || answer != "webhook.address" || reached.Load() != 0 || asked.Load() == 0 {
		t.Errorf("%q %v, reached %d, asked %d", answer, err, reached.Load(), asked.Load())
	}
	g.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	sender = NewSender(g, epoch)
	sender.clients["https"] = client(g, false, resolver, trust)
	if _, err := sender.Send(t.Context(), to, "id", "{}"); err != nil || reached.Load() != 1 {
		t.Errorf("the twin: %v, reached %d", err, reached.Load())
	}
}

// everyName resolves every name to 127.0.0.1.
func everyName(asked *atomic.Int64) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go answerDNS(theirs, asked)
		return ours, nil
	}}
}

// answerDNS is a name server whose every name is 127.0.0.1.
func answerDNS(c net.Conn, asked *atomic.Int64) {
	defer c.Close()
	for {
		var size [2]byte
		if _, err := c.Read(size[:]); err != nil {
			return
		}
		in := make([]byte, int(size[0])<<8|int(size[1]))
		if _, err := c.Read(in); err != nil {
			return
		}
		asked.Add(1)
		end := 12 // the question follows the header: labels, a zero, type and class
		for in[end] != 0 {
			end += int(in[end]) + 1
		}
		end += 5
		out := append(slices.Clone(in[:2]), 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0)
		out = append(out, in[12:end]...)
		if in[end-3] == 1 { // A
			out[7] = 1
			out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1)
		}
		if _, err := c.Write(append([]byte{byte(len(out) >> 8), byte(len(out))}, out...)); err != nil {
			return
		}
	}
}
