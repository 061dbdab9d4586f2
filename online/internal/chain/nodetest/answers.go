package nodetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"coldsign/online/internal/chain/transport"
	"coldsign/online/internal/node"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Said is one answer of one client to a sent transaction.
type Said struct {
	Code int
	Text string
	Data any
	Want node.Meaning
}

// Answers has a client read what nodes say of a sent transaction, as it comes
// over the wire. Whatever the words: the transaction is not on chain, so looking
// shows none. lost answers the other calls as a node does that does not know it.
func Answers(t *testing.T, connect Connect, network chain.ID, s chain.Sealed, send string, lost Answer, list []Said) {
	t.Helper()
	for _, c := range list {
		t.Run(fmt.Sprintf("%s %d %.40s", c.Want, c.Code, c.Text), func(t *testing.T) {
			n, err := connect(transport.Config{Network: network, Depth: 3, URL: Serve(t, func(method string, params []json.RawMessage) (any, *Error) {
				if method == send {
					return nil, &Error{c.Code, c.Text, c.Data}
				}
				return lost(method, params)
			})})
			if err != nil {
				t.Fatal(err)
			}
			outcome, err := n.Send(t.Context(), s)
			if !fault.Is(err, string(c.Want)) || outcome != c.Want.Outcome() {
				t.Errorf("outcome %d, %v (%s), want %s", outcome, err, fault.Code(err), c.Want)
			}
			if err != nil && (!quote.Plain(err.Error()) || len(err.Error()) > 1500) {
				t.Errorf("the error is not fit to show: %q", err)
			}
			if what, _ := node.Words(fault.Code(err)); what == "" || !strings.HasPrefix(err.Error(), what) {
				t.Errorf("no fixed words: %v", err)
			}
			Looks(t, n, s, node.Sighting{})
		})
	}
}

// Odd are answers that no client gives, and that a hostile one may.
func Odd() []Said {
	return []Said{
		{Code: -32603, Text: "something new", Want: node.Says},
		{Text: "", Want: node.Says},
		{Code: -1, Text: "\x1b[2J\x1b]0;owned\x07 update at http://evil.example/wallet", Want: node.Says},
		{Code: -1, Text: "<html><a href='http://evil.example'>upgrade</a></html>", Want: node.Says},
		{Code: -1, Text: strings.Repeat("A", 1<<20), Want: node.Says},
		{Code: -1, Text: "line one\nline two\r\u202etxt.exe", Want: node.Says},
	}
}
