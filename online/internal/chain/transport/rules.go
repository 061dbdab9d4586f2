package transport

import (
	"strings"

	"coldsign/online/internal/node"
	"coldsign/shared/fault"
)

// Rule is one line of a family's table of what nodes say of bytes they are sent.
type Rule struct {
	Code int    // of the JSON-RPC error; 0 any
	Text string // that the error's text holds, in lower case; "" any
	Is   node.Meaning
	Who  string // the clients that say so
}

// Read gives the meaning of an error: of the first rule that fits, code and text.
// What no rule knows is ambiguous.
func Read(rules []Rule, code int, text string) node.Meaning {
	text = strings.ToLower(text)
	for _, r := range rules {
		if (r.Code == 0 || r.Code == code) && strings.Contains(text, r.Text) {
			return r.Is
		}
	}
	return node.Says
}

// Refuses is the error for what a node made of bytes: fixed words, and the node's
// own, quoted and capped.
func (c Config) Refuses(m node.Meaning, code int, text string) error {
	what, cure := node.Words(string(m))
	return fault.New(string(m), cure, "%s: its words are %s (%d)", what, c.clean(text), code)
}
