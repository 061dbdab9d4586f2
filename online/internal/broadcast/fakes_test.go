package broadcast

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// memoryStore keeps rows by the rules of the real one.
type memoryStore struct {
	mu     sync.Mutex
	now    func() time.Time
	rows   map[bundle.ID]pending.Transaction
	turns  map[bundle.ID]int
	clock  int
	events []pending.Event
	fail   error // of the next Move

	watch   map[bundle.ID]time.Time // complete rows, and when they were looked at
	covered map[bundle.ID]time.Time
	outbid  map[bundle.ID]bool // rows with rivals, and whether one is ahead
}

func newStore(now func() time.Time, rows ...pending.Transaction) *memoryStore {
	s := &memoryStore{now: now, rows: make(map[bundle.ID]pending.Transaction), turns: make(map[bundle.ID]int),
		watch: make(map[bundle.ID]time.Time), covered: make(map[bundle.ID]time.Time), outbid: make(map[bundle.ID]bool)}
	for _, t := range rows {
		s.rows[t.ID] = t
	}
	return s
}

// Rivals is the row alone.
func (s *memoryStore) Rivals(_ context.Context, _ string, id bundle.ID) ([]pending.Transaction, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []pending.Transaction{s.rows[id]}, nil
}

func (s *memoryStore) Due(_ context.Context, limit int) ([]pending.Transaction, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var due []pending.Transaction
	for _, t := range s.rows {
		if t.State == pending.Signed || t.State == pending.Broadcasting || t.State == pending.Broadcast {
			due = append(due, t)
		}
	}
	slices.SortFunc(due, func(a, b pending.Transaction) int {
		return cmp.Or(s.turns[a.ID]-s.turns[b.ID], bytes.Compare(a.ID[:], b.ID[:]))
	})
	return due[:min(limit, len(due))], nil
}

func (s *memoryStore) Move(ctx context.Context, id bundle.ID, e pending.Event, change func(*pending.Transaction) error) (pending.Transaction, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(s.fail, ctx.Err()); err != nil {
		return pending.Transaction{}, err
	}
	t := s.rows[id]
	to, ok := pending.Transition(t.State, e)
	if !ok {
		return pending.Transaction{}, fault.New("state.conflict", "", "%s is %s", id, t.State)
	}
	if e == pending.Intend && t.Late(s.now()) {
		t.CancelRequested, t.Code = true, "deadline.passed"
		s.rows[id] = t
		return pending.Transaction{}, fault.New("deadline.passed", "", "too late")
	}
	t.State, t.Updated = to, s.now()
	if e == pending.Accept || e == pending.Confirm {
		t.Code, t.Reason, t.Noted = "", "", time.Time{}
	}
	if change != nil {
		if err := change(&t); err != nil {
			return pending.Transaction{}, err
		}
	}
	s.rows[id], s.events = t, append(s.events, e)
	if delete(s.watch, id); e == pending.Confirm || e == pending.Fail && (t.Code == pending.Conflicted || t.Code == pending.Executed) {
		s.watch[id] = s.now()
	}
	return t, nil
}

func (s *memoryStore) Note(_ context.Context, id bundle.ID, code, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.rows[id]
	if t.State != pending.Broadcasting && t.State != pending.Broadcast && t.State != pending.Complete {
		return nil
	}
	if code == "" {
		t.Noted = time.Time{}
	} else if code != t.Code || t.Noted.IsZero() {
		t.Noted = s.now()
	}
	t.Code, t.Reason = code, reason
	s.rows[id] = t
	return nil
}

func (s *memoryStore) Parked(context.Context, time.Time, int) (list []pending.Transaction, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.rows {
		if t.State == pending.Signed && t.CancelRequested {
			list = append(list, t)
		}
	}
	return list, nil
}

func (s *memoryStore) Doubt(_ context.Context, id bundle.ID, doubt bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.rows[id]; !doubt {
		t.Noted = time.Time{}
		s.rows[id] = t
	} else if t.Noted.IsZero() {
		t.Noted = s.now()
		s.rows[id] = t
	}
	return nil
}

func (s *memoryStore) Seen(_ context.Context, id bundle.ID, confirmations uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	s.turns[id] = s.clock
	if t := s.rows[id]; t.State == pending.Broadcast {
		t.Confirmations = confirmations
		s.rows[id] = t
	}
	return nil
}

func (s *memoryStore) Outbid(_ context.Context, id bundle.ID) (bool, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ahead, competes := s.outbid[id]
	return ahead, competes, nil
}

func (s *memoryStore) Watched(_ context.Context, before time.Time, limit int) (list []pending.Transaction, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, at := range s.watch {
		if at.Before(before) && len(list) < limit {
			list = append(list, s.rows[id])
		}
	}
	return list, nil
}

func (s *memoryStore) Watching(_ context.Context, id bundle.ID, deep bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, on := s.watch[id]; on {
		if s.watch[id] = s.now(); deep {
			delete(s.watch, id)
		}
	}
	return nil
}

func (s *memoryStore) Cover(_ context.Context, id bundle.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.covered[id] = s.now()
	return nil
}

func (s *memoryStore) Covered(_ context.Context, id bundle.ID) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.covered[id], nil
}

func (s *memoryStore) get(n byte) pending.Transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows[bundle.ID{n}]
}

// memoryNode is a network and its one node.
type memoryNode struct {
	mu       sync.Mutex
	t        *testing.T
	store    *memoryStore
	sent     []chain.Sealed
	sightsOf map[string]node.Sighting
	down     error // of Look and Send
	wrong    error // of Check
	broken   bool  // panics
	onSend   func(chain.Sealed) (node.Outcome, error)
	hang     bool
}

func (n *memoryNode) Check(ctx context.Context) error {
	if n.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return n.wrong
}

func (n *memoryNode) Send(_ context.Context, s chain.Sealed) (node.Outcome, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range n.store.rows {
		if t.TxID == s.TxID && t.State != pending.Broadcasting && t.State != pending.Broadcast {
			n.t.Errorf("sent while %s", t.State)
		}
	}
	n.sent = append(n.sent, s)
	if n.down != nil {
		return node.Ambiguous, n.down
	}
	return n.onSend(s)
}

func (n *memoryNode) Look(_ context.Context, s chain.Sealed) (node.Sighting, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.broken {
		panic("a defect\x1b[2J")
	}
	if n.down != nil {
		return node.Sighting{}, n.down
	}
	return n.sightsOf[s.TxID], nil
}

func (n *memoryNode) show(txid string, s node.Sighting) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sightsOf[txid] = s
}

// takes is a node that takes everything into its pool.
func (n *memoryNode) takes(s chain.Sealed) (node.Outcome, error) {
	n.sightsOf[s.TxID] = node.Sighting{Seen: true}
	return node.Accepted, nil
}
