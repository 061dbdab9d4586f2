package evm

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/shared/chain"
)

// A node that still finds what happened before the payment was made would show
// the payment too, had it landed.
func TestRemembers(t *testing.T) {
	const head, period = 1000, 12 // blocks, seconds
	hash := func(n uint64) common.Hash { return common.Hash{31: byte(n), 30: byte(n >> 8), 0: 1} }
	for name, c := range map[string]struct {
		since   int64 // seconds after the first block
		oldest  uint64
		empty   func(uint64) bool
		missing bool // blocks below the oldest
		want    bool
		fails   bool
	}{
		"indexed":                 {since: 6000, oldest: 400, want: true},
		"indexed just so":         {since: 6000, oldest: 500, want: true},
		"forgotten":               {since: 6000, oldest: 501},
		"forgotten long ago":      {since: 6000, oldest: 999},
		"empty blocks before":     {since: 6000, oldest: 450, empty: func(n uint64) bool { return n > 460 && n < 510 }, want: true},
		"empty blocks, forgotten": {since: 6000, oldest: 470, empty: func(n uint64) bool { return n > 460 && n < 510 }},
		"empty for too long":      {since: 6000, oldest: 1, empty: func(n uint64) bool { return n > 400 }},
		"never anything":          {since: 120, oldest: 999, empty: func(uint64) bool { return true }, want: true},
		"before the chain":        {since: -1, oldest: 0},
		"after the head":          {since: 1e6, oldest: 999, want: true},
		"the blocks are gone":     {since: 6000, oldest: 600, missing: true, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			n := connect(t, nodetest.Serve(t, func(method string, params []json.RawMessage) (any, *nodetest.Error) {
				var text string
				json.Unmarshal(params0(params), &text) //nolint:errcheck // our own
				switch method {
				case "eth_blockNumber":
					return hexutil.Uint64(head), nil
				case "eth_getBlockByNumber":
					number, err := hexutil.DecodeUint64(text)
					if err != nil || c.missing && number < c.oldest {
						return nil, nil
					}
					txs := []common.Hash{hash(number)}
					if c.empty != nil && c.empty(number) {
						txs = []common.Hash{}
					}
					return map[string]any{"number": text, "timestamp": hexutil.Uint64(1_000_000 + number*period), "transactions": txs}, nil
				case "eth_getTransactionByHash":
					for number := c.oldest; number <= head; number++ {
						if hash(number).Hex() == text {
							return map[string]any{"hash": text}, nil
						}
					}
				}
				return nil, nil
			}), 3)
			got, err := n.Remembers(t.Context(), chain.Sealed{}, time.Unix(1_000_000+c.since, 0))
			if got != c.want || (err != nil) != c.fails {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func params0(params []json.RawMessage) json.RawMessage {
	if len(params) == 0 {
		return json.RawMessage(fmt.Sprintf("%q", ""))
	}
	return params[0]
}
