package quorum

import (
	"context"
	"testing"

	"coldsign/online/internal/node"
	"coldsign/shared/fault"
)

// treasury is a node that says the same of every output.
type treasury struct {
	node.Node
	coin        node.Coin
	err         error
	soon, least uint64
}

func (t treasury) Check(context.Context) error { return nil }

func (t treasury) Unspent(context.Context, []string) ([]node.Coin, error) {
	return []node.Coin{t.coin}, t.err
}

func (t treasury) Output(context.Context, string, uint32) (node.Coin, error) { return t.coin, t.err }

func (t treasury) Rate(context.Context) (uint64, uint64, error) { return t.soon, t.least, t.err }

// TestTreasury: one node that is down hides nothing, one that shows an output spent is
// believed, and one that asks an absurd fee is not.
func TestTreasury(t *testing.T) {
	deep, young := node.Coin{TxID: "a", Confirmations: 9}, node.Coin{TxID: "a", Confirmations: 1}
	down, spent := fault.New("node.timeout", "", "down"), fault.New("node.spent", "", "spent")
	of := func(list ...treasury) *Quorum {
		var members []Member
		for _, n := range list {
			members = append(members, Member{"n", n})
		}
		q, err := New(members, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	q := of(treasury{err: down}, treasury{coin: deep, soon: 5, least: 1}, treasury{coin: young, soon: 900, least: 2}, treasury{coin: deep, soon: 4, least: 1})
	if list, err := q.Unspent(t.Context(), nil); err != nil || len(list) != 1 || list[0].Confirmations != 9 {
		t.Errorf("%v, %v", list, err)
	}
	if c, err := q.Output(t.Context(), "a", 0); err != nil || c.Confirmations != 1 {
		t.Errorf("%v, %v", c, err)
	}
	if soon, least, err := q.Rate(t.Context()); err != nil || soon != 5 || least != 1 {
		t.Errorf("%d, %d, %v", soon, least, err)
	}
	// Of two as well.
	honest, liar := treasury{soon: 5, least: 1}, treasury{soon: 900, least: 800}
	for _, q := range []*Quorum{of(honest, liar), of(liar, honest)} {
		if soon, least, err := q.Rate(t.Context()); err != nil || soon != 5 || least != 1 {
			t.Errorf("of two: %d, %d, %v", soon, least, err)
		}
	}
	if _, err := of(treasury{coin: deep}, treasury{err: spent}).Output(t.Context(), "a", 0); !fault.Is(err, "node.spent") {
		t.Errorf("%v", err)
	}
	q = of(treasury{err: down}, treasury{err: down})
	_, err := q.Unspent(t.Context(), nil)
	_, err2 := q.Output(t.Context(), "a", 0)
	_, _, err3 := q.Rate(t.Context())
	for _, err := range []error{err, err2, err3} {
		if !fault.Is(err, "node.timeout") {
			t.Errorf("%v", err)
		}
	}
}
