package clients

import (
	"testing"

	"coldsign/online/internal/chain/transport"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

func TestNew(t *testing.T) {
	for id, ok := range map[chain.ID]bool{
		"bip122:0f9188f13cb7b2c71f2a335e3a4fc328": true,
		"eip155:1": true,
		"solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp": true,
		"eip155:x":   false,
		"cosmos:hub": false,
		"bip122":     false,
		"":           false,
	} {
		n, err := New(transport.Config{Network: id, URL: "http://127.0.0.1:1", Depth: 1})
		if (err == nil) != ok || (n != nil) != ok || !ok && !fault.Is(err, "node.network") {
			t.Errorf("%q: %v, %v", id, n, err)
		}
	}
}
