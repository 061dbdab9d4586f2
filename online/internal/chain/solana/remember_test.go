package solana

import (
	"encoding/json"
	"testing"
	"time"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/shared/chain"
)

func TestRemembers(t *testing.T) {
	for name, c := range map[string]struct {
		first, time any
		want, fails bool
	}{
		"reaches back":    {7, 1000, true, false},
		"just so":         {7, 2000, true, false},
		"too young":       {7, 2001, false, false},
		"no time":         {7, nil, false, false},
		"a time of zero":  {7, 0, false, false},
		"no such call":    {nil, 0, false, true},
		"not a number":    {"x", 0, false, true},
		"a time in words": {7, "long ago", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			n := connect(t, nodetest.Serve(t, func(method string, params []json.RawMessage) (any, *nodetest.Error) {
				switch {
				case c.first == nil:
					return nil, &nodetest.Error{Code: -32601, Message: "Method not found"}
				case method == "getFirstAvailableBlock":
					return c.first, nil
				case method == "getBlockTime" && string(params[0]) == "7":
					return c.time, nil
				}
				return nil, &nodetest.Error{Code: -32601, Message: "Method not found"}
			}))
			got, err := n.Remembers(t.Context(), chain.Sealed{}, time.Unix(2000, 0))
			if got != c.want || (err != nil) != c.fails {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}
