// Package transport is how the node clients reach their nodes: HTTP with a time
// limit, answers of bounded size, no redirects, and errors that neither carry a
// node's raw text nor the address, which may hold an API key.
package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"coldsign/online/internal/node"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Config names one node.
type Config struct {
	Network        chain.ID
	URL            string // http or https
	User, Password string // basic authentication when User is not empty
	Depth          uint64 // confirmations that the operator wants
	MaxBody        int    // bytes of one answer; 0 is the limit of limits.go
	Coins          string // how a Bitcoin node lists unspent outputs: one of Coins..., "" finds out
}

// How a Bitcoin node lists the unspent outputs of an address.
const (
	CoinsWallet = "wallet" // listunspent of its wallet, which watches the address
	CoinsIndex  = "index"  // searchrawtransactions of btcd, with --addrindex
	CoinsScan   = "scan"   // scantxoutset: no index, and minutes on a large chain
)

// Client makes an HTTP client for the node, within the limits of limits.go.
func (c Config) Client() *http.Client {
	base := &http.Transport{
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2:      true,
	}
	return &http.Client{
		Transport:     limited{base, c.User, c.Password, cmp.Or(c.MaxBody, MaxBody)},
		Timeout:       Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type limited struct {
	base           http.RoundTripper
	user, password string
	size           int
}

func (l limited) RoundTrip(req *http.Request) (*http.Response, error) {
	if l.user != "" {
		req = req.Clone(req.Context())
		req.SetBasicAuth(l.user, l.password)
	}
	resp, err := l.base.RoundTrip(req)
	if err == nil {
		resp.Body = &body{resp.Body, l.size, l.size}
	}
	return resp, err
}

// body fails, where io.LimitReader would end, so that a cut answer is never
// read as a whole one.
type body struct {
	io.ReadCloser
	left, size int
}

func (b *body) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, fmt.Errorf("answer over %d bytes", b.size)
	}
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return n, fmt.Errorf("answer over %d bytes", b.size)
	}
	return n, err
}

// Unusable is the error for a node that gave no usable answer: not reachable,
// not in time, not JSON-RPC, or one that contradicts itself.
func (c Config) Unusable(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.New("node.timeout", "", "the node did not answer in time")
	}
	text := err.Error()
	if u, ok := errors.AsType[*url.Error](err); ok {
		text = u.Err.Error()
	}
	return fault.New("node.unusable", "look at rpc, user and password_file in config.toml",
		"no usable answer from the node: %s", c.clean(text))
}

// Says is the error for what the node said about a call.
func (c Config) Says(code int, text string) error {
	return fault.New("node.says", "", "the node says %s (%d)", c.clean(text), code)
}

// Other is the error of a node that answered a broadcast with a txid that is
// not ours.
func (c Config) Other(got, want string) (node.Outcome, error) {
	return node.Ambiguous, fault.New("node.txid", "do not trust this node; compare the transaction in another explorer",
		"ALARM: the node took %s but named another transaction, %s", want, c.clean(got))
}

// WrongNetwork is the error of a node of another network.
func (c Config) WrongNetwork(got string) error {
	return fault.New("node.network", "correct rpc or network in config.toml",
		"the node serves another network: want %s, got %s", c.Network, c.clean(got))
}

// clean quotes and caps text, without the node's address and password in it.
func (c Config) clean(text string) string {
	hide := []string{c.URL, c.Password}
	if u, err := url.Parse(c.URL); err == nil {
		hide = append(hide, u.String(), u.RawQuery)
		for part := range strings.SplitSeq(u.Path, "/") {
			if len(part) >= 8 { // long enough for a secret
				hide = append(hide, part)
			}
		}
	}
	for _, h := range hide {
		if len(h) > 2 {
			text = strings.ReplaceAll(text, h, "(hidden)")
		}
	}
	return quote.String(text)
}

// Has reports whether text holds one of the words, whatever the case.
func Has(text string, words ...string) bool {
	text = strings.ToLower(text)
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}
