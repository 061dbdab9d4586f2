// Package webhook tells an application what became of its payments: it sends the
// events that the store wrote, each at least once, signed.
//
//	loop := &webhook.Loop{Store: store, Sender: webhook.NewSender(guard, time.Now), Log: log}
//	loop.Run(ctx)
//
// An event is a POST of JSON with the KMS API's fields. x-payload-hash is that
// API's: HMAC-SHA512 of the body, in base64, with the tenant's own secret if it
// has set one, else with the subscription's. A caught request with that header
// alone could be sent again by anybody, so that there are three more, those of
// Standard Webhooks: webhook-id, the same at each attempt; webhook-timestamp, Unix
// seconds of the attempt; webhook-signature, "v1," and the base64 of HMAC-SHA256
// of "id.timestamp.body" with the subscription's key. A receiver refuses a
// timestamp more than five minutes off, and an id that it has had.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"coldsign/online/internal/store"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// CheckURL refuses an address that can be no receiver's: webhook.url. What the
// host's name leads to is looked at when it is connected to.
func (g Guard) CheckURL(text string) error {
	u, err := url.Parse(text)
	bad := func(why string) error { return fault.New("webhook.url", "", "the address %s", why) }
	switch {
	case len(text) > maxURL || !quote.Plain(text):
		return bad(fmt.Sprintf("must be printable ASCII of at most %d characters", maxURL))
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return bad("must be https://host/path")
	case u.User != nil:
		return bad("must hold no user name")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return bad("must hold no fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || len(g.Allow) == 0):
		return bad("must begin with https://")
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil { // no need to wait for the connection
		return g.Check(a, u.Scheme == "http")
	}
	return nil
}

// Sender sends events to addresses that its guard allows. It follows no redirect
// and uses no proxy.
type Sender struct {
	guard   Guard
	now     func() time.Time
	clients map[string]*http.Client // by scheme
}

// NewSender gives a sender with connections of its own.
func NewSender(g Guard, now func() time.Time) *Sender {
	s := &Sender{guard: g, now: now, clients: map[string]*http.Client{}}
	for _, scheme := range []string{"http", "https"} {
		s.clients[scheme] = client(g, scheme == "http", nil, nil)
	}
	return s
}

func client(g Guard, plain bool, resolver *net.Resolver, trust *tls.Config) *http.Client {
	dialer := &net.Dialer{Timeout: attempt, Resolver: resolver, Control: g.control(plain)}
	if trust == nil {
		trust = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return &http.Client{
		Timeout:       attempt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: nil, DialContext: dialer.DialContext, TLSClientConfig: trust, TLSHandshakeTimeout: attempt, ResponseHeaderTimeout: attempt,
			MaxResponseHeaderBytes: maxHeader, DisableCompression: true, MaxIdleConns: 16, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute,
		},
	}
}

// CheckURL is the guard's.
func (s *Sender) CheckURL(text string) error { return s.guard.CheckURL(text) }

// Test sends an event that is about no payment, now and from here.
func (s *Sender) Test(ctx context.Context, to store.Receiver) (answer string, err error) {
	return s.Send(ctx, to, store.NewID().String(), `{"signatureId":"000000000000000000000000","subscriptionType":"TEST"}`)
}

// Send posts one event. It gives the status, or the kind of failure; err is nil
// when the receiver has it. Neither holds the address, whose path may be a secret.
func (s *Sender) Send(ctx context.Context, to store.Receiver, id, body string) (answer string, err error) {
	if err := s.guard.CheckURL(to.URL); err != nil {
		return fault.Code(err), err
	}
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, strings.NewReader(body))
	if err != nil {
		return "webhook.url", fault.New("webhook.url", "", "the address cannot be used")
	}
	r.Header = sign(to, id, body, s.now())
	answered, err := s.clients[r.URL.Scheme].Do(r)
	if err != nil {
		return because(err)
	}
	defer answered.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answered.Body, maxReply)) // so that the connection is used again
	answer = fmt.Sprint(answered.StatusCode)
	if answered.StatusCode < 200 || answered.StatusCode > 299 {
		return answer, fault.New("webhook.answer", "the receiver must answer 2xx", "the receiver answered %s", answer)
	}
	return answer, nil
}

// because says why there was no answer, in words of ours.
func because(err error) (string, error) {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Code, e
	}
	why := "no connection"
	var network net.Error
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &dns):
		why = "the name is not found"
	case errors.As(err, &cert):
		why = "the certificate is not valid"
	case errors.As(err, &network) && network.Timeout():
		why = "no answer in time"
	}
	return why, fault.New("webhook.answer", "look at the receiver", "%s", why)
}

// sign gives the headers of an event.
func sign(to store.Receiver, id, body string, now time.Time) http.Header {
	at := fmt.Sprint(now.Unix())
	key := []byte(to.PayloadKey)
	if len(key) == 0 {
		key = []byte(store.SigningSecret(to.Key))
	}
	digest := hmac.New(sha512.New, key)
	digest.Write([]byte(body))
	return http.Header{
		"Content-Type":      {"application/json"},
		"User-Agent":        {"coldsign-online"},
		"X-Payload-Hash":    {base64.StdEncoding.EncodeToString(digest.Sum(nil))},
		"Webhook-Id":        {id},
		"Webhook-Timestamp": {at},
		"Webhook-Signature": {"v1," + signature(to.Key[:], id, at, body)},
	}
}

func signature(key []byte, id, at, body string) string {
	digest := hmac.New(sha256.New, key)
	digest.Write([]byte(id + "." + at + "." + body))
	return base64.StdEncoding.EncodeToString(digest.Sum(nil))
}
