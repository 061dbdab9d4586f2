// Package upstream serves a Tatum account in the place of its hot signer: it lists
// what the account wants signed, has it signed across the gap, broadcasts it by the
// account's own calls, and reports what fails.
//
//	p := &upstream.Poller{Client: upstream.NewClient(url, key), Store: store, Intake: in, Networks: networks, Nodes: nodes, Now: time.Now, Log: log}
//	sum, err := p.Round(ctx) // or p.Run(ctx) beside the API
//	loop.Relay = &upstream.Relay{Client: p.Client, Store: store}
//
// The upstream is not trusted with how often something is paid. A record makes a row
// once, under the upstream's own id, so that the offline half too knows an id that
// comes again, even when this half has lost its database. What is listed again, with
// the same content or another, changes nothing; what was refused and reported stays
// so. Before anything is sent the upstream is asked whether it still wants it, and
// whether somebody else has done it.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"coldsign/online/internal/intake"
	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Tenant is whose rows those of the upstream are.
const Tenant = "upstream"

// Poller asks an upstream. Its fields are set before the first call; Run and Round may
// not run at the same time.
type Poller struct {
	Client   *Client
	Store    *store.Store
	Intake   *intake.Intake
	Networks []chain.Network // at most one for a chain and kind, main or test
	Nodes    map[chain.ID]node.Node
	Log      *slog.Logger
	Now      func() time.Time
	Period   time.Duration // between rounds
	TellEach time.Duration // between two attempts to tell of an end; 0 means 30 s

	// Blockhash gives a recent one for Solana's records. It ends within a minute or two,
	// so it is set only where somebody waits to sign at once; else records that need one
	// are left.
	Blockhash func(context.Context, chain.ID) ([32]byte, error)

	said map[string]string // what was logged of an id, so that it is not each round
}

// Summary is what one round did. Problems has a line for each that needs a person.
type Summary struct {
	Listed    int      `json:"listed"`    // records
	Taken     int      `json:"taken"`     // new rows
	Held      int      `json:"held"`      // new records that cannot be taken now
	Refused   int      `json:"refused"`   // new records that nobody could sign
	Changed   int      `json:"changed"`   // known ids with other content
	Withdrawn int      `json:"withdrawn"` // rows that the upstream does not want any more
	Completed int      `json:"completed"` // ids that the upstream was told are complete
	Reported  int      `json:"reported"`  // failures
	Problems  []string `json:"problems,omitempty"`
}

// Run polls until ctx ends. An upstream that does not answer well is asked less often.
func (p *Poller) Run(ctx context.Context) {
	wait := p.Period
	for {
		sum, err := p.guarded(ctx)
		switch busy, isBusy := errors.AsType[*Busy](err); {
		case err == nil:
			wait = p.Period
		case isBusy && busy.After > 0:
			wait = min(max(busy.After, p.Period), maxBackoff)
		default:
			wait = min(2*wait, maxBackoff)
		}
		if sum.Taken+sum.Refused+sum.Withdrawn+sum.Completed+sum.Reported > 0 {
			p.Log.Info("upstream", "taken", sum.Taken, "refused", sum.Refused, "withdrawn", sum.Withdrawn, "completed", sum.Completed, "reported", sum.Reported)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// guarded is Round, of which a defect that a record brings out does not end the server.
func (p *Poller) guarded(ctx context.Context) (sum Summary, err error) {
	defer func() {
		if what := recover(); what != nil {
			err = fault.New("upstream.panic", "report this as a defect", "the poll broke: %q", fmt.Sprint(what))
			p.problem(&sum, "panic", err)
		}
	}()
	return p.Round(ctx)
}

// Round asks once for each network, and tells what there is to tell. The error is the
// first that kept a network, or the telling, from its turn.
func (p *Poller) Round(ctx context.Context) (sum Summary, first error) {
	ctx = store.WithActor(ctx, "upstream")
	wallets, err := p.Store.Wallets(ctx)
	if err != nil {
		p.problem(&sum, "wallets", err)
		return sum, err
	}
	p.well("wallets")
	for _, n := range p.Networks {
		var ids []string
		for _, w := range wallets {
			if w.Chain == n.Chain && w.Testnet == n.Testnet {
				ids = append(ids, w.SignatureID.String())
			}
		}
		if len(ids) == 0 {
			continue
		}
		if err := p.network(ctx, &sum, n, ids); err != nil {
			p.problem(&sum, string(n.ID), fmt.Errorf("%s %s: %w", n.Chain, n.Name, err))
			if first == nil {
				first = err
			}
			if fault.Is(err, "upstream.key") || ctx.Err() != nil {
				return sum, first
			}
			continue
		}
		p.well(string(n.ID))
	}
	if err := p.tell(ctx, &sum); err != nil {
		p.problem(&sum, "tell", err)
		if first == nil {
			first = err
		}
	}
	return sum, first
}

// problem notes what needs a person, and logs it when it is new for what it is about.
func (p *Poller) problem(sum *Summary, about string, err error) {
	sum.Problems = append(sum.Problems, err.Error())
	if p.said == nil || len(p.said) > 2*maxRows {
		p.said = map[string]string{}
	}
	if p.said[about] == fault.Code(err) {
		return
	}
	p.said[about] = fault.Code(err)
	say := p.Log.Warn
	if alarm(err) {
		say = p.Log.Error
	}
	say("upstream", "about", about, "code", fault.Code(err), "error", err.Error())
}

func (p *Poller) well(about string) { delete(p.said, about) }

func alarm(err error) bool {
	c := fault.Code(err)
	return c == "upstream.txid" || c == "upstream.changed" || c == "upstream.taken"
}

// network takes what is listed for one network.
func (p *Poller) network(ctx context.Context, sum *Summary, n chain.Network, ids []string) error {
	if len(ids) > maxIDs {
		return fault.New("upstream.wallets", "divide the wallets among several accounts", "%d wallets of %s are more than the %d that one poll names", len(ids), n.Chain, maxIDs)
	}
	raw, err := p.Client.Pending(ctx, n.Chain, ids)
	if err != nil {
		return err
	}
	ours := make(map[string]bool, len(ids))
	for _, id := range ids {
		ours[id] = true
	}
	records := map[bundle.ID]*Record{}
	var order []*Record
	for _, text := range raw {
		sum.Listed++
		r, err := ReadRecord(text)
		if err == nil && r.Chain != n.Chain {
			err = fault.New("upstream.record", "", "a record of the upstream cannot be read: %s is listed for %s and says another chain", r.ID, n.Chain)
		}
		if err != nil {
			p.problem(sum, n.Chain+" "+r.ID.String(), err)
			continue
		}
		if before := records[r.ID]; before == nil {
			records[r.ID] = &r
			order = append(order, &r)
		} else if before.Content != r.Content {
			p.problem(sum, r.ID.String(), changed(r.ID))
			sum.Changed++
		}
	}
	return p.records(ctx, sum, n, order, ours)
}

func changed(id bundle.ID) error {
	return fault.New("upstream.changed", "find out what the upstream does; what was listed first is kept",
		"ALARM: the upstream lists other content than before under %s", id)
}

// records takes new records, and compares known ones.
func (p *Poller) records(ctx context.Context, sum *Summary, n chain.Network, list []*Record, ours map[string]bool) error {
	names := make([]bundle.ID, len(list))
	for i, r := range list {
		names[i] = r.ID
	}
	known, err := p.Store.ListedAs(ctx, names)
	if err != nil {
		return err
	}
	listed := make(map[bundle.ID]bool, len(list))
	deaf := 0 // records in a row that the node had no answer for
	for _, r := range list {
		if r.TxID == "" {
			listed[r.ID] = true
		}
		l, again := known[r.ID]
		switch {
		case again && l.Content != r.Content:
			sum.Changed++
			if _, err := p.Store.Alter(ctx, r.ID, r.Content); err != nil {
				return err
			}
			p.problem(sum, r.ID.String(), changed(r.ID))
		case again || r.TxID != "":
		case !r.names(ours):
			sum.Held++
			p.problem(sum, r.ID.String(), fault.New("upstream.record", "", "the upstream lists %s, which names none of the wallets that it was asked for", r.ID))
		case deaf == misses:
			sum.Held++
		default:
			lost, err := p.take(ctx, sum, n, r)
			if err != nil {
				return err
			}
			if deaf++; !lost {
				deaf = 0
			}
		}
	}
	return p.gone(ctx, sum, n, listed)
}

// take makes a row of a new record, keeps its refusal, or leaves it for a later round.
// lost says that its node had no answer. The error is the database's.
func (p *Poller) take(ctx context.Context, sum *Summary, n chain.Network, r *Record) (lost bool, failed error) {
	l := store.Listed{ID: r.ID, Network: n.ID, Content: r.Content}
	var row *pending.Transaction
	err := error(nil)
	for range nonces {
		var fixed bool
		if row, fixed, err = p.accept(ctx, n, r); err != nil {
			break
		}
		if _, err = p.Store.Take(ctx, l, row); err == nil {
			sum.Taken++
			p.well(r.ID.String())
			return false, nil
		}
		if fixed || !fault.Is(err, "reservation.conflict") {
			break
		}
	}
	if strings.HasPrefix(fault.Code(err), "store.") {
		return false, err
	}
	if !final(err) {
		sum.Held++
		p.problem(sum, r.ID.String(), fmt.Errorf("%s is left for later: %w", r.ID, err))
		return slices.Contains([]string{"node.timeout", "node.unusable", "node.network"}, fault.Code(err)), nil
	}
	e, _ := errors.AsType[intake.FieldErrors](err)
	l.Code, l.Reason = e[0].Code, quote.Line(e.Error())
	first, err := p.Store.Take(ctx, l, nil)
	if err == nil && first {
		sum.Refused++
		p.problem(sum, r.ID.String(), fault.New(l.Code, "it is reported to the upstream, and not looked at again", "the upstream's %s is refused: %s", r.ID, l.Reason))
	}
	return false, err
}

// accept freezes a record and makes a row of it. fixed says that no other attempt
// would be different.
func (p *Poller) accept(ctx context.Context, n chain.Network, r *Record) (row *pending.Transaction, fixed bool, err error) {
	s := r.Submission
	s.Network, s.Requester = string(n.ID), Tenant
	if fixed, err = p.freeze(ctx, n, &s); err != nil {
		return nil, fixed, err
	}
	row, _, err = p.Intake.Accept(ctx, Tenant, s)
	if e, ok := errors.AsType[intake.FieldErrors](err); ok && n.Chain == "SOL" && e[0].Code == "kms.incomplete" {
		if p.Blockhash == nil {
			return nil, fixed, fault.New("upstream.blockhash", "run \"coldsign-online upstream poll\" when you are ready to export and sign", "it needs a blockhash, which is good for a minute")
		}
		live := *p.Intake
		live.Blockhash, s.Deadline = p.Blockhash, p.Now().Add(blockhashLife).Unix()
		row, _, err = live.Accept(ctx, Tenant, s)
	}
	return row, fixed, err
}

// final reports whether a record can never be signed. Keys that are not here may come,
// and nodes that do not answer may answer.
func final(err error) bool {
	e, ok := errors.AsType[intake.FieldErrors](err)
	return ok && !slices.ContainsFunc(e, func(f intake.FieldError) bool {
		return strings.HasPrefix(f.Code, "wallet.") || f.Code == "isIn" || f.Code == "kms.incomplete" || strings.HasPrefix(f.Code, "node.")
	})
}

// gone asks for rows of which nothing was sent and which the list lacks: the
// application may have deleted them, or another signer has done them.
func (p *Poller) gone(ctx context.Context, sum *Summary, n chain.Network, listed map[bundle.ID]bool) error {
	rows, err := p.Store.Waiting(ctx, n.ID)
	if err != nil {
		return err
	}
	asked := 0
	for i := range rows {
		l, _, err := p.Store.ListedOf(ctx, rows[i].ID)
		if err != nil {
			return err
		}
		if listed[l.ID] || asked == maxGone {
			continue
		}
		asked++
		r, err := p.Client.Get(ctx, l.ID)
		var why error
		switch {
		case fault.Is(err, "upstream.missing"):
			why = fault.New("upstream.gone", "", "the upstream does not want %s any more: it is withdrawn", l.ID)
		case fault.Is(err, "upstream.record"): // of the others it may be told
			p.problem(sum, l.ID.String(), err)
			continue
		case err != nil:
			return err
		case r.TxID != "" && !same(rows[i].Chain, r.TxID, rows[i].TxID):
			why = other(l.ID, r.TxID)
		default: // it is wanted, or done with our own bytes, which have left after all
			continue
		}
		p.problem(sum, l.ID.String(), why)
		if _, err := p.Store.Cancel(ctx, Tenant, rows[i].ID); err != nil {
			if fault.Is(err, "state.conflict") {
				continue // bytes may have left meanwhile
			}
			return err
		}
		sum.Withdrawn++
		if err := p.Store.Told(ctx, l.ID, store.ToldFailed, ""); err != nil {
			return err
		}
	}
	return nil
}
