// Package replace makes a transaction that conflicts on chain with one that is
// under way, so that at most one of the two lands: the same payment with a higher
// fee, or one that pays nobody.
//
//	m := &replace.Maker{Store: store, Intake: in}
//	done, err := m.Make(ctx, tenant, id, replace.Options{Cancel: true})
//
// Bitcoin: the same inputs (BIP-125). EVM: the same nonce, to the account itself.
// Solana: the durable nonce is advanced; what has a recent blockhash ends by
// itself. The new transaction is a request of its own that crosses the gap, is
// reviewed and signed like any other. Nothing is taken back by a word: a row that
// may be signed ends only when another is final in its place.
package replace

import (
	"context"
	"math/big"
	"time"

	"github.com/btcsuite/btcd/psbt/v2"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Options says what is wanted.
type Options struct {
	Cancel    bool     // pay nobody; else the same payment
	Requote   bool     // the same payment with what the network wants now; see requote.go
	Fee       *big.Int // in the chain's own unit: satoshi of the whole, wei for each gas; nil the least that nodes take
	Force     bool     // also where nodes may keep the first; of a new quote, also where the application knows that the first failed
	Requester string   // who asks
	Idem      store.Idempotency
}

// Store is what replacing needs of the database.
type Store interface {
	Get(ctx context.Context, tenant string, id bundle.ID) (pending.Transaction, error)
	Rivals(ctx context.Context, tenant string, id bundle.ID) ([]pending.Transaction, error)
	Links(ctx context.Context, ids []bundle.ID) (map[bundle.ID]store.Link, error)
	Cancel(ctx context.Context, tenant string, id bundle.ID) (pending.Transaction, error)
	Earlier(ctx context.Context, tenant string, idem store.Idempotency) (*pending.Transaction, error)
	Create(ctx context.Context, t *pending.Transaction, idem store.Idempotency) (*pending.Transaction, error)
	Reserved(ctx context.Context, network chain.ID, names []string) (map[string]bool, error)
	Successions(ctx context.Context, ids []bundle.ID) (map[bundle.ID]store.Succession, error)
	Payment(ctx context.Context, tenant string, id bundle.ID) ([]pending.Transaction, error)
	// Holds reports whether a valid API key of the tenant names one of the scopes.
	Holds(ctx context.Context, tenant string, scopes ...string) (bool, error)
}

// Intake reads and makes rows.
type Intake interface {
	Chain(*pending.Transaction) (chain.Chain, error)
	Owned(*pending.Transaction) (bool, error)
	Rebuild(*pending.Transaction, bundle.Request) (*pending.Transaction, chain.Review, error)
}

// Maker makes replacements.
type Maker struct {
	Store  Store
	Intake Intake
	// Nodes are asked for further outputs, where change cannot pay a higher fee; without
	// them such a replacement is refused.
	Nodes map[chain.ID]node.Node
	Now   func() time.Time // nil: time.Now
}

// Done is what was made. Without Made the row itself was cancelled: nothing of it
// had ever left.
type Done struct {
	Row  pending.Transaction // that was to be replaced, as it is now
	Made bool
	Had  bool                // the idempotency key had made it before
	New  pending.Transaction // the one that replaces it
	Root bundle.ID           // the first of those that conflict
}

// rival is a row of the set with its request.
type rival struct {
	row     pending.Transaction
	request bundle.Request
}

// set is what a replacement has to outbid.
type set struct {
	chain  chain.Chain
	of     rival   // the row that was named
	all    []rival // that may be with a node, or come to one
	sent   bool    // one of them may be with a node
	live   bool    // one of them may still land
	option Options
	funds  *funds       // nil where no node can be asked
	from   *psbt.Packet // whose inputs show how the wallet's outputs are spent; nil: the transaction itself
}

// Make makes the replacement of a row and stores it. A row that never left is
// cancelled where that is wanted, and there is nothing to replace.
func (m *Maker) Make(ctx context.Context, tenant string, id bundle.ID, o Options) (Done, error) {
	if earlier, err := m.Store.Earlier(ctx, tenant, o.Idem); err != nil || earlier != nil {
		if err != nil {
			return Done{}, err
		}
		done, err := m.done(ctx, tenant, id, *earlier)
		done.Had = true
		return done, err
	}
	row, err := m.Store.Get(ctx, tenant, id)
	if err != nil {
		return Done{}, err
	}
	if o.Requote {
		return m.requote(ctx, tenant, row, o)
	}
	if done, over, err := m.superseded(ctx, tenant, row, o); err != nil || over {
		return done, err
	}
	fill := false
	switch row.State {
	case pending.Pending:
		if !row.MaybeSigned && !o.Cancel {
			return Done{}, fault.New("replace.unsent", "cancel it, and submit another", "nothing of transaction %s has left", id)
		}
		if !row.MaybeSigned {
			row, err = m.Store.Cancel(ctx, tenant, id)
			return Done{Row: row, Root: id}, err
		}
	case pending.Exported, pending.Signed, pending.Broadcasting, pending.Broadcast:
	case pending.Cancelled, pending.Refused, pending.Failed, pending.Expired:
		// Its nonce may be what later ones wait for.
		if fill = o.Cancel && row.Code != pending.Replaced && row.Code != store.Executed; fill {
			break
		}
		fallthrough
	default:
		return Done{}, fault.New("state.conflict", "", "transaction %s is %s: there is nothing to replace", id, row.State)
	}
	s, root, err := m.set(ctx, tenant, row, o)
	if err != nil {
		return Done{}, err
	}
	cancels, err := m.cancels(ctx, s)
	if err != nil {
		return Done{}, err
	}
	fill = fill && !s.live // else its rivals are what is cancelled
	made, err := m.build(s, fill)
	if err != nil {
		return Done{}, err
	}
	if made.Cancels = cancels; !fill {
		made.Replaces = root
	}
	return m.enter(ctx, tenant, id, made, o)
}

// enter stores a row that was made for another, or finds the one that the same
// idempotency key has made.
func (m *Maker) enter(ctx context.Context, tenant string, id bundle.ID, made *pending.Transaction, o Options) (Done, error) {
	existing, err := m.Store.Create(ctx, made, o.Idem)
	if err != nil {
		return Done{}, err
	}
	if existing != nil {
		made = existing
	}
	done, err := m.done(ctx, tenant, id, *made)
	done.Had = existing != nil
	return done, err
}

// cancels tells whether what replaces the row pays nobody: since that is wanted, or
// since the row itself pays nobody. The payment is not made again beside a row that
// is to end it, unless that is forced: whoever wanted the one would not expect the
// other.
func (m *Maker) cancels(ctx context.Context, s *set) (bool, error) {
	ids := make([]bundle.ID, len(s.all))
	for i := range s.all {
		ids[i] = s.all[i].row.ID
	}
	links, err := m.Store.Links(ctx, ids)
	if err != nil || s.option.Cancel || links[s.of.row.ID].Cancels {
		return err == nil, err
	}
	if s.of.row.CancelRequested && !s.option.Force { // another payment may have its place by now
		return false, fault.New("replace.cancelled", "submit a new payment, or say --force", "transaction %s is to be cancelled", s.of.row.ID)
	}
	for _, r := range s.all {
		_, unsent := pending.Transition(r.row.State, pending.Supersede)
		sent := r.row.State == pending.Broadcasting || r.row.State == pending.Broadcast
		if links[r.row.ID].Cancels && (unsent && !r.row.CancelRequested || sent) && !s.option.Force {
			return false, fault.New("replace.cancelled", "cancel that one first, or say --force: one of the two lands, and nobody knows which",
				"transaction %s is being cancelled by %s", s.of.row.ID, r.row.ID)
		}
	}
	return false, nil
}

func (m *Maker) done(ctx context.Context, tenant string, id bundle.ID, made pending.Transaction) (Done, error) {
	row, err := m.Store.Get(ctx, tenant, id)
	if err != nil {
		return Done{}, err
	}
	rivals, err := m.Store.Rivals(ctx, tenant, made.ID)
	if err != nil {
		return Done{}, err
	}
	return Done{Row: row, Made: true, New: made, Root: rivals[0].ID}, nil
}

// set reads the rivals of a row.
func (m *Maker) set(ctx context.Context, tenant string, row pending.Transaction, o Options) (*set, bundle.ID, error) {
	rows, err := m.Store.Rivals(ctx, tenant, row.ID)
	if err != nil {
		return nil, bundle.ID{}, err
	}
	s := &set{option: o, funds: m.funds(ctx, row.Network)}
	if s.chain, err = m.Intake.Chain(&row); err != nil {
		return nil, bundle.ID{}, err
	}
	for _, r := range rows {
		request, err := intake.Request(&r)
		if err != nil {
			return nil, bundle.ID{}, err
		}
		if r.ID == row.ID {
			s.of = rival{r, request}
		}
		if r.State != pending.Cancelled && r.State != pending.Refused || r.ID == row.ID {
			s.all = append(s.all, rival{r, request})
		}
		s.sent = s.sent || r.State == pending.Broadcasting || r.State == pending.Broadcast
		_, ends := pending.Transition(r.State, pending.Supersede)
		s.live = s.live || s.sent || ends
	}
	return s, rows[0].ID, nil
}

// build makes the new row by the rules of its chain.
func (m *Maker) build(s *set, fill bool) (*pending.Transaction, error) {
	request := s.of.request
	word := "replaces "
	if s.option.Cancel {
		word = "cancels "
	}
	if fill {
		word = "fills the nonce of "
	}
	request.Note, request.Requester = word+s.of.row.ID.String(), s.option.Requester
	if !s.option.Cancel && s.of.request.Note != "" {
		request.Note += ": " + s.of.request.Note
	}
	if s.option.Cancel || s.sent {
		request.Deadline = 0 // it was met, or does not matter any more
	}
	var err error
	switch s.of.row.Network.Namespace() {
	case "bip122":
		if fill {
			return nil, fault.New("state.conflict", "", "transaction %s is %s, and its inputs are free", s.of.row.ID, s.of.row.State)
		}
		err = s.bitcoin(&request)
	case "eip155":
		err = s.evm(&request)
	case "solana":
		err = s.solana(&request, fill)
	default:
		err = fault.New("replace.chain", "", "transactions of %s cannot be replaced by this version", s.of.row.Chain)
	}
	if err != nil {
		return nil, err
	}
	made, _, err := m.Intake.Rebuild(&s.of.row, request)
	return made, err
}

// raise gives the amount and a fraction of it more, rounded up: an eighth is
// what every EVM node takes.
func raise(n *big.Int, divisor int64) *big.Int {
	more := new(big.Int).Add(n, big.NewInt(divisor-1))
	return more.Add(n, more.Div(more, big.NewInt(divisor)))
}

// addresses are those of the keys of the set.
func (s *set) addresses() map[string]bool {
	own := make(map[string]bool)
	for _, r := range s.all {
		for _, k := range r.request.Keys {
			key, err := chain.NewPublicKey(k.Curve, k.Key)
			if err != nil {
				continue
			}
			for _, derived := range []bool{true, false} {
				for _, a := range s.chain.Wallet.Addresses(r.row.Network, key, derived) {
					own[a] = true
				}
			}
		}
	}
	return own
}

func tooLow(least *big.Int, unit string) error {
	return fault.New("replace.fee", "", "nodes take it from %s %s on", least, unit)
}
