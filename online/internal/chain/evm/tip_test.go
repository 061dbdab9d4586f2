package evm

import (
	"encoding/json"
	"testing"

	"coldsign/online/internal/chain/nodetest"
	"coldsign/online/internal/node"
)

// A node says how far it is, and one that says nothing usable is told so.
func TestTip(t *testing.T) {
	var said any
	url := nodetest.Serve(t, func(string, []json.RawMessage) (any, *nodetest.Error) { return said, nil })
	c := connect(t, url, 1)
	said = map[string]any{"number": "0x10", "timestamp": "0x6a000000", "hash": "0x00"}
	if tip, err := c.Tip(t.Context()); err != nil || tip.Height != 16 || tip.Time.Unix() != 0x6a000000 {
		t.Errorf("%+v %v", tip, err)
	}
	for _, bad := range []any{nil, map[string]any{}, map[string]any{"number": "0x10"}, map[string]any{"number": -1, "timestamp": "0x1"}, "x"} {
		said = bad
		if tip, err := c.Tip(t.Context()); err == nil || tip != (node.Tip{}) {
			t.Errorf("%v: %+v %v", bad, tip, err)
		}
	}
}
