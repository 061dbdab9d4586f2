package desk

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// passkeys gives the name that passkeys of this request's address are for, or "":
// WebAuthn takes no bare IP address.
func (r *request) passkeys() string {
	name := r.Host
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		name = host
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return ""
	}
	return strings.ToLower(name)
}

// namedHost is where the same desk is found by name, for who came by address.
func (r *request) namedHost() string {
	if r.passkeys() != "" {
		return ""
	}
	if own := r.Desk.URL; own != nil {
		return own.Scheme + "://" + own.Host + "/desk/"
	}
	if _, port, err := net.SplitHostPort(r.Listen); err == nil && !r.Desk.TLS {
		return "http://localhost:" + port + "/desk/"
	}
	return ""
}

func probe(path string) *http.Request {
	return &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}}
}
