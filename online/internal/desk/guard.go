package desk

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// headers are those of every answer. Nothing comes from elsewhere, nothing inline
// runs, nobody frames a page, and no browser keeps what was on it.
func (d *Desk) headers(w http.ResponseWriter, allow string) {
	script, camera := "script-src 'self'", "camera=()"
	if strings.Contains(allow, "wasm") {
		script += " 'wasm-unsafe-eval'"
	}
	if strings.Contains(allow, "camera") {
		camera = "camera=(self)"
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; "+script+"; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; worker-src 'self'; "+
		"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types desk")
	h.Set("Permissions-Policy", camera+", microphone=(), geolocation=(), payment=(), usb=()")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if d.secure() {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// secure reports whether browsers reach the desk by TLS.
func (d *Desk) secure() bool { return d.TLS || d.URL != nil && d.URL.Scheme == "https" }

// ours reports whether a request's Host is one that the desk has. A page elsewhere
// whose name was made to point here (DNS rebinding) has another. Without a URL in
// the configuration the names are those of this machine itself.
func (d *Desk) ours(host string) bool {
	if d.URL != nil && strings.EqualFold(host, d.URL.Host) {
		return true
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil { // without a port: the scheme's own
		name, port = strings.Trim(host, "[]"), "80"
		if d.TLS {
			port = "443"
		}
	}
	_, own, err := net.SplitHostPort(d.Listen)
	return err == nil && port == own && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, strings.ToLower(name))
}

// sameOrigin reports whether a request that changes something was made by a page of
// ours. Every browser of today says where it comes from, and what says nothing is
// refused. SameSite cookies alone take every port of this machine for one site.
func (d *Desk) sameOrigin(r *http.Request) bool {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	scheme := "http://"
	if d.secure() {
		scheme = "https://"
	}
	if site == "" && origin == "" {
		return false
	}
	return (site == "" || site == "same-origin") && (origin == "" || strings.EqualFold(origin, scheme+r.Host))
}

// limiter slows down whoever tries to log in often from one address.
type limiter struct {
	now  func() time.Time
	lock sync.Mutex
	used map[netip.Prefix]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, used: map[netip.Prefix]bucket{}}
}

// take reports whether the address may try once more. IPv6 counts by network.
func (l *limiter) take(remote string) bool {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	addr, bits := at.Addr().Unmap(), 32
	if addr.Is6() {
		bits = 64
	}
	key, err := addr.WithZone("").Prefix(bits)
	if err != nil {
		return false
	}
	l.lock.Lock()
	defer l.lock.Unlock()
	now := l.now()
	if len(l.used) >= sources {
		for k, b := range l.used {
			if now.Sub(b.at) > tries*refill {
				delete(l.used, k)
			}
		}
		if len(l.used) >= sources {
			return false
		}
	}
	b, ok := l.used[key]
	if !ok {
		b = bucket{tries, now}
	}
	b.left = min(tries, b.left+max(0, now.Sub(b.at).Seconds()/refill.Seconds()))
	b.at = now
	ok = b.left >= 1
	if ok {
		b.left--
	}
	l.used[key] = b
	return ok
}

// refuse answers in plain text what is not worth a page.
func refuse(w http.ResponseWriter, status int, what string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, what+"\n")
}
