package lanes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
)

// rows are transactions in a list, with their nonce as their serialized text.
type rows []pending.Transaction

func (r rows) List(_ context.Context, f store.Filter) (list []pending.Transaction, err error) {
	on := f.After == ""
	for _, t := range r {
		if on && t.State == f.State && len(list) < f.Limit {
			list = append(list, t)
		}
		on = on || t.ID.String() == f.After
	}
	return list, nil
}

func uses(t *pending.Transaction) ([]string, error) {
	return []string{"nonce:0xA:" + t.Serialized, "payload:00"}, nil
}

func tx(n int, nonce int, state pending.State, change ...func(*pending.Transaction)) pending.Transaction {
	t := pending.Transaction{ID: bundle.ID{byte(n), byte(n >> 8)}, Network: "eip155:1", State: state, Serialized: fmt.Sprint(nonce)}
	for _, c := range change {
		c(&t)
	}
	return t
}

func coded(code string) func(*pending.Transaction) {
	return func(t *pending.Transaction) { t.Code = code }
}
func parked(t *pending.Transaction) { t.CancelRequested = true }

// Nonces 5, 6 and 7 are signed, and 5 is cancelled, failed, underpriced, parked,
// unsigned: what is offered is always the same nonce.
func TestATT101Lanes(t *testing.T) {
	six, seven := tx(6, 6, pending.Broadcast), tx(7, 7, pending.Broadcast)
	five := bundle.ID{5}.String()
	for name, c := range map[string]struct {
		rows rows
		next uint64
		want string // code, nonce and cure of each problem
	}{
		"all is well":           {rows{tx(5, 5, pending.Broadcast), six, seven}, 5, ""},
		"cancelled":             {rows{tx(5, 5, pending.Cancelled), six, seven}, 5, "lane.gap 5 coldsign-online cancel " + five},
		"refused":               {rows{tx(5, 5, pending.Refused, coded("policy.deny")), six, seven}, 5, "lane.gap 5 coldsign-online cancel " + five},
		"never submitted here":  {rows{six, seven}, 5, "lane.gap 5 submit a payment with nonce 5 from 0xA"},
		"of another account":    {rows{tx(5, 5, pending.Cancelled, func(t *pending.Transaction) { t.Network = "eip155:2" }), six}, 5, "lane.gap 5 submit"},
		"two are missing":       {rows{six, tx(8, 8, pending.Pending)}, 5, "lane.gap 5 submit;lane.gap 7 submit"},
		"replaced and complete": {rows{tx(5, 5, pending.Failed, coded(pending.Replaced)), six, seven}, 6, ""},
		"underpriced":           {rows{tx(5, 5, pending.Broadcasting, coded("node.fee")), six, seven}, 5, "lane.stuck 5 coldsign-online replace " + five},
		"no funds":              {rows{tx(5, 5, pending.Broadcasting, coded("node.funds")), six}, 5, "lane.stuck 5 fund the account, or: coldsign-online cancel " + five},
		"a rival":               {rows{tx(5, 5, pending.Broadcasting, coded("node.rival")), six}, 5, "lane.stuck 5 find out"},
		"not signed":            {rows{tx(5, 5, pending.Exported), six}, 5, "lane.stuck 5 sign it, or: coldsign-online cancel " + five},
		"not signed, nor later": {rows{tx(5, 5, pending.Exported), tx(6, 6, pending.Pending)}, 5, ""},
		"parked":                {rows{tx(5, 5, pending.Signed, parked), six}, 5, "lane.stuck 5 coldsign-online cancel " + five},
		"parked and last":       {rows{tx(5, 5, pending.Exported, parked)}, 5, "lane.stuck 5 coldsign-online cancel " + five},
		"parked and replaced":   {rows{tx(5, 5, pending.Exported, parked), tx(9, 5, pending.Pending)}, 5, "lane.duplicate 5 none"},
		"two with one nonce":    {rows{tx(5, 5, pending.Broadcast), tx(9, 5, pending.Broadcasting, coded("node.fee")), six}, 5, "lane.duplicate 5 none"},
		"two, both too cheap":   {rows{tx(5, 5, pending.Broadcasting), tx(9, 5, pending.Broadcasting, coded("node.fee")), six}, 5, "lane.duplicate 5 none;lane.stuck 5 coldsign-online replace " + bundle.ID{9}.String()},
		"used on the network":   {rows{tx(5, 5, pending.Broadcasting, coded("node.spent")), six}, 6, ""},
		"another chain":         {rows{tx(5, 5, pending.Broadcast, func(t *pending.Transaction) { t.Network = "solana:x" })}, 5, ""},
		"nothing":               {nil, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, asked := range []bool{true, false} {
				list, err := Find(t.Context(), Source{Rows: c.rows, Uses: uses, Next: func(_ context.Context, network chain.ID, address string) (uint64, bool) {
					return c.next, asked
				}})
				if err != nil {
					t.Fatal(err)
				}
				if !asked { // without a node only what lies between two is a gap
					if len(list) > 0 && list[0].Next != nil {
						t.Error("the next nonce is invented")
					}
					continue
				}
				var got []Problem
				for _, l := range list {
					got = append(got, l.Problems...)
				}
				var want []string
				if c.want != "" {
					want = strings.Split(c.want, ";")
				}
				if len(got) != len(want) {
					t.Fatalf("problems %+v, want %q", got, want)
				}
				for i, p := range got {
					if text := fmt.Sprint(p.Code, " ", p.Nonce, " ", p.Cure); !strings.HasPrefix(text, want[i]) || p.Text == "" {
						t.Errorf("%q, want %q", text, want[i])
					}
				}
			}
		})
	}
}

func TestManyRows(t *testing.T) {
	var all rows
	for n := range 2*page + 7 {
		all = append(all, tx(n, n, pending.Pending))
	}
	all = append(all, tx(9999, 10_000, pending.Pending))
	list, err := Find(t.Context(), Source{Rows: all, Uses: uses, Next: func(context.Context, chain.ID, string) (uint64, bool) { return 0, false }})
	if err != nil || len(list) != 1 || len(list[0].Slots) != len(all) || len(list[0].Problems) != maxGap {
		t.Fatalf("%d lanes, %v", len(list), err)
	}
	if b, err := json.Marshal(list[0].Slots[0]); err != nil || !strings.Contains(string(b), `"rows":[{"id":`) {
		t.Errorf("%s, %v", b, err)
	}
}
