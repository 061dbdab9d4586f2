// Package lanes looks at the nonces of EVM accounts. Each account is a lane: its
// transactions land one after the other, so that one that is missing or stuck holds
// up all that come after it.
//
//	list, err := lanes.Find(ctx, lanes.Source{Rows: store, Uses: intake.Uses, Next: next})
package lanes

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
)

const (
	page    = 1000
	maxGap  = 1000    // nonces of one gap that are named
	maxRows = 200_000 // ended rows that are searched for the owner of a gap
)

// Rows lists rows of the database.
type Rows interface {
	List(ctx context.Context, f store.Filter) ([]pending.Transaction, error)
}

// Source is where the lanes are read from.
type Source struct {
	Rows   Rows
	Tenant string // store.Any for all
	Uses   func(*pending.Transaction) ([]string, error)
	// Next asks the network for the next nonce of an account; ok is false where
	// nobody can be asked.
	Next func(ctx context.Context, network chain.ID, address string) (next uint64, ok bool)
}

// Row is a transaction in a lane.
type Row struct {
	ID        string `json:"id"`
	State     string `json:"state"`
	Cancelled bool   `json:"cancelRequested,omitempty"`
	Code      string `json:"code,omitempty"`
	TxID      string `json:"txId,omitempty"`

	parked bool
}

// Slot is one nonce and the rows that want it.
type Slot struct {
	Nonce uint64 `json:"nonce"`
	Rows  []Row  `json:"rows"`
}

// Problem is what holds a lane up, and the command that cures it.
type Problem struct {
	Code  string `json:"code"` // lane.gap, lane.stuck, lane.duplicate
	Nonce uint64 `json:"nonce"`
	Text  string `json:"text"`
	Cure  string `json:"cure"`
}

// Lane is one account on one network.
type Lane struct {
	Network  chain.ID  `json:"network"`
	Address  string    `json:"address"`
	Next     *uint64   `json:"next"` // on the network; null where nobody could be asked
	Slots    []Slot    `json:"slots"`
	Problems []Problem `json:"problems"`
}

// open are the states of rows that may land.
func open() []pending.State {
	return []pending.State{pending.Pending, pending.Exported, pending.Signed, pending.Broadcasting, pending.Broadcast}
}

// Find reads all lanes with something in them.
func Find(ctx context.Context, s Source) ([]Lane, error) {
	lanes := map[string]*Lane{}
	for _, state := range open() {
		err := s.each(ctx, state, func(t *pending.Transaction, address string, nonce uint64) bool {
			key := string(t.Network) + " " + address
			l := lanes[key]
			if l == nil {
				l = &Lane{Network: t.Network, Address: address, Problems: []Problem{}}
				lanes[key] = l
			}
			l.add(t, nonce)
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	list := []Lane{}
	for _, l := range lanes {
		if next, ok := s.Next(ctx, l.Network, l.Address); ok {
			l.Next = &next
		}
		slices.SortFunc(l.Slots, func(a, b Slot) int { return cmp.Compare(a.Nonce, b.Nonce) })
		missing := l.judge()
		if err := s.owners(ctx, l, missing); err != nil {
			return nil, err
		}
		slices.SortStableFunc(l.Problems, func(a, b Problem) int { return cmp.Compare(a.Nonce, b.Nonce) })
		list = append(list, *l)
	}
	slices.SortFunc(list, func(a, b Lane) int {
		return cmp.Or(cmp.Compare(a.Network, b.Network), cmp.Compare(a.Address, b.Address))
	})
	return list, nil
}

// each gives the rows of a state that use up a nonce of an EVM account.
func (s Source) each(ctx context.Context, state pending.State, do func(t *pending.Transaction, address string, nonce uint64) bool) error {
	after := ""
	for {
		rows, err := s.Rows.List(ctx, store.Filter{Tenant: s.Tenant, State: state, After: after, Limit: page})
		if err != nil {
			return err
		}
		for i := range rows {
			if rows[i].Network.Namespace() != "eip155" {
				continue
			}
			uses, err := s.Uses(&rows[i])
			if err != nil {
				return err
			}
			for _, key := range uses {
				rest, isNonce := strings.CutPrefix(key, "nonce:")
				address, digits, _ := strings.Cut(rest, ":")
				nonce, err := strconv.ParseUint(digits, 10, 64)
				if isNonce && err == nil && !do(&rows[i], address, nonce) {
					return nil
				}
			}
		}
		if len(rows) < page {
			return nil
		}
		after = rows[len(rows)-1].ID.String()
	}
}

func (l *Lane) add(t *pending.Transaction, nonce uint64) {
	r := Row{ID: t.ID.String(), State: string(t.State), Cancelled: t.CancelRequested, Code: t.Code, TxID: t.TxID, parked: t.Parked()}
	at := slices.IndexFunc(l.Slots, func(s Slot) bool { return s.Nonce == nonce })
	if at < 0 {
		at, l.Slots = len(l.Slots), append(l.Slots, Slot{Nonce: nonce})
	}
	l.Slots[at].Rows = append(l.Slots[at].Rows, r)
}

// judge finds what holds the lane up, and gives the nonces that nobody uses.
func (l *Lane) judge() (missing []uint64) {
	front := l.Slots[0].Nonce
	if l.Next != nil {
		front = *l.Next
	}
	waits := front
	for _, s := range l.Slots {
		if s.Nonce < front {
			continue // used on the network; the broadcaster finds by whom
		}
		for ; waits < s.Nonce && len(missing) < maxGap; waits++ {
			missing = append(missing, waits)
		}
		waits = s.Nonce + 1
		l.slot(s, s.Nonce == front)
	}
	return missing
}

// slot judges the rows that want one nonce.
func (l *Lane) slot(s Slot, front bool) {
	var live []Row
	for _, r := range s.Rows {
		if !r.parked {
			live = append(live, r)
		}
	}
	last := s.Nonce == l.Slots[len(l.Slots)-1].Nonce
	problem := func(code, cure, format string, args ...any) {
		l.Problems = append(l.Problems, Problem{code, s.Nonce, fmt.Sprintf(format, args...), cure})
	}
	if len(s.Rows) > 1 {
		problem("lane.duplicate", "none is needed: whichever lands, the others cannot", "%d transactions have nonce %d", len(s.Rows), s.Nonce)
	}
	switch {
	case len(live) == 0 && !last:
		problem("lane.stuck", "coldsign-online cancel "+s.Rows[0].ID, "nonce %d belongs to a transaction that was to be cancelled and may be signed; later ones wait for it", s.Nonce)
	case len(live) == 0:
		problem("lane.stuck", "coldsign-online cancel "+s.Rows[0].ID, "nonce %d belongs to a transaction that was to be cancelled and may be signed", s.Nonce)
	case front:
		r := live[0]
		for _, o := range live {
			if o.State == string(pending.Broadcast) && o.Code == "" {
				return // it waits for its block
			}
			if o.Code != "" {
				r = o
			}
		}
		switch r.Code {
		case "node.fee":
			problem("lane.stuck", "coldsign-online replace "+r.ID, "the fee of nonce %d is too low for the node", s.Nonce)
		case "node.funds":
			problem("lane.stuck", "fund the account, or: coldsign-online cancel "+r.ID, "the account cannot pay for nonce %d", s.Nonce)
		case "node.rival":
			problem("lane.stuck", "find out who signed the other one", "the node has another transaction with nonce %d", s.Nonce)
		default:
			if l.overtaken(s.Nonce) && (r.State == string(pending.Pending) || r.State == string(pending.Exported)) {
				problem("lane.stuck", "sign it, or: coldsign-online cancel "+r.ID, "nonce %d is not signed yet, and later ones are with the network", s.Nonce)
			}
		}
	}
}

// overtaken reports whether a later nonce is with the network already.
func (l *Lane) overtaken(nonce uint64) bool {
	for _, s := range l.Slots {
		for _, r := range s.Rows {
			if s.Nonce > nonce && (r.State == string(pending.Broadcasting) || r.State == string(pending.Broadcast)) {
				return true
			}
		}
	}
	return false
}

// owners names, of the nonces that nobody uses, the row that had each: from it the
// transaction is made that fills the gap.
func (s Source) owners(ctx context.Context, l *Lane, missing []uint64) error {
	if len(missing) == 0 {
		return nil
	}
	had, searched := map[uint64]bundle.ID{}, 0
	for _, state := range []pending.State{pending.Cancelled, pending.Refused, pending.Failed, pending.Expired} {
		if err := s.each(ctx, state, func(t *pending.Transaction, address string, nonce uint64) bool {
			if searched++; t.Network == l.Network && address == l.Address && t.Code != pending.Replaced && t.Code != store.Executed {
				had[nonce] = t.ID
			}
			return searched < maxRows
		}); err != nil {
			return err
		}
	}
	for _, nonce := range missing {
		cure := fmt.Sprintf("submit a payment with nonce %d from %s", nonce, l.Address)
		if id, ok := had[nonce]; ok {
			cure = "coldsign-online cancel " + id.String()
		}
		l.Problems = append(l.Problems, Problem{"lane.gap", nonce, fmt.Sprintf("nonce %d is nobody's, and later ones wait for it", nonce), cure})
	}
	return nil
}
