// Package report reconciles one ceremony: what a bundle asked the offline half
// for, what became of each request, and what the nodes show of it now.
//
//	r, err := report.New(ctx, report.Source{...}, 7)
//	err = r.HTML(w) // or r.CSV(w), or r as JSON
//
// Nothing in it is taken from the online half's own words where a node can be
// asked: a row that says complete and a chain that does not know it disagree, and
// the report says so.
package report

import (
	"context"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"
	"time"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/quote"
)

// Rows is what the report reads of the database.
type Rows interface {
	Get(ctx context.Context, tenant string, id bundle.ID) (pending.Transaction, error)
	Audit(ctx context.Context, id bundle.ID, after int64, limit int) ([]store.Entry, error)
}

// Reader explains a row.
type Reader interface {
	Review(*pending.Transaction) (chain.Review, error)
}

// Looker shows what a network has of a transaction.
type Looker interface {
	Look(context.Context, chain.Sealed) (node.Sighting, error)
}

// Source is where the facts come from. Nodes may be empty: then no line is
// compared with a chain.
type Source struct {
	Rows   Rows
	Reader Reader
	Chains []chain.Chain
	Nodes  map[chain.ID]Looker
	Now    func() time.Time
}

// Report is one ceremony. Amounts are base units, in decimal.
type Report struct {
	Bundle     uint64  `json:"bundle"`   // sequence of the request bundle
	Digest     string  `json:"digest"`   // SHA-256 of its file, hex
	Exported   string  `json:"exported"` // RFC 3339, UTC
	Made       string  `json:"made"`     // when this report was
	Lines      []Line  `json:"transactions"`
	Totals     []Total `json:"totals"`
	Compared   int     `json:"compared"`  // transactions that a node was asked about
	Disagrees  int     `json:"disagrees"` // of them, those of which the chain shows something else
	Unreadable int     `json:"unreadable,omitempty"`
}

// Line is one request of the bundle.
type Line struct {
	ID            string    `json:"id"`
	Chain         string    `json:"chain"`
	Network       chain.ID  `json:"network"`
	Tenant        string    `json:"tenant"`
	State         string    `json:"state"`
	Outcome       Outcome   `json:"outcome"`
	TxID          string    `json:"txId,omitempty"`
	Confirmations uint64    `json:"confirmations"`
	OnChain       string    `json:"onChain"` // "seen", "failed", "absent", "unknown" or "" when nothing was sent
	Disagrees     string    `json:"disagrees,omitempty"`
	Code          string    `json:"code,omitempty"`
	Reason        string    `json:"reason,omitempty"`
	Payments      []Payment `json:"payments"`
	MaxFee        Payment   `json:"maxFee"` // the most that can be charged
	History       []Step    `json:"history"`

	asked *pending.Transaction
}

// Payment is value that leaves the signing wallets.
type Payment struct {
	Asset  string `json:"asset"`
	Symbol string `json:"symbol,omitempty"`
	Amount string `json:"amount"`
	Text   string `json:"text"` // for a person
	To     string `json:"to,omitempty"`

	units *big.Int
	asset chain.Asset
}

// Step is one change of state.
type Step struct {
	At    string `json:"at"`
	State string `json:"state"`
	Actor string `json:"actor"`
}

// Outcome is where the money of a request is.
type Outcome string

// The outcomes.
const (
	Paid    Outcome = "paid" // the chain shows it, or, where no node was asked, the row says so
	OnWay   Outcome = "on its way"
	Waiting Outcome = "waiting"  // at the offline half, or not yet sent
	NotPaid Outcome = "not paid" // refused, cancelled, expired, failed
)

// Total is what a bundle moves of one asset.
type Total struct {
	Asset     string             `json:"asset"`
	Symbol    string             `json:"symbol,omitempty"`
	Asked     string             `json:"asked"`
	ByOutcome map[Outcome]string `json:"byOutcome"`
	Text      string             `json:"text"`
	MaxFee    string             `json:"maxFee,omitempty"` // of the paid ones

	sums map[Outcome]*big.Int
	fee  *big.Int
}

// New reads the ceremony of a request bundle of this half, which it has opened.
func New(ctx context.Context, s Source, b *bundle.Bundle) (*Report, error) {
	digest := b.Digest()
	r := &Report{
		Bundle: b.Header.Sequence, Digest: hex.EncodeToString(digest[:]), Exported: stamp(time.Unix(b.Header.Created, 0)), Made: stamp(s.Now()), Lines: []Line{},
	}
	for i := range b.Len() {
		request, itemDigest, err := b.Request(i)
		if err != nil {
			return nil, err
		}
		row, err := s.Rows.Get(ctx, store.Any, request.ID)
		if err != nil {
			return nil, err
		}
		line, err := s.line(ctx, &row, request)
		if err != nil {
			return nil, err
		}
		if row.Digest != itemDigest {
			line.Disagrees = "the row is not what this bundle asked for"
		}
		r.add(line)
	}
	r.Totals = totals(r.Lines)
	return r, nil
}

func (r *Report) add(l Line) {
	if l.OnChain != "" && l.OnChain != "unknown" {
		r.Compared++
	}
	if l.Disagrees != "" {
		r.Disagrees++
	}
	if l.Payments == nil {
		r.Unreadable++
	}
	r.Lines = append(r.Lines, l)
}

func (s Source) line(ctx context.Context, t *pending.Transaction, request bundle.Request) (Line, error) {
	l := Line{
		ID: t.ID.String(), Chain: t.Chain, Network: t.Network, Tenant: quote.Line(t.Tenant), State: string(t.State), TxID: t.TxID,
		Confirmations: t.Confirmations, Code: t.Code, Reason: t.Reason, asked: t,
	}
	entries, err := s.Rows.Audit(ctx, t.ID, 0, 1000)
	if err != nil {
		return l, err
	}
	l.History = []Step{}
	for _, e := range entries {
		if e.To != e.From && e.To != "" {
			l.History = append(l.History, Step{stamp(e.At), string(e.To), quote.Line(e.Actor)})
		}
	}
	if review, err := s.Reader.Review(t); err == nil {
		l.Payments = payments(Leaving(s.Chains, t, request, review))
		l.MaxFee = payment(review.Fee.Asset, review.Fee.Amount, "")
	} else { // a row of an older version that nobody can read any more is still a row
		l.Disagrees = "the stored request cannot be read"
	}
	l.Outcome = outcome(t)
	s.compare(ctx, t, &l)
	return l, nil
}

// Leaving are the effects of a row that are payments: what comes back to a wallet
// that signs is none.
func Leaving(chains []chain.Chain, t *pending.Transaction, request bundle.Request, r chain.Review) (list []chain.Effect) {
	own := map[string]bool{}
	at := slices.IndexFunc(chains, func(c chain.Chain) bool { return c.Name == t.Chain })
	for _, ref := range request.Keys {
		key, err := chain.NewPublicKey(ref.Curve, ref.Key)
		if err != nil || at < 0 {
			continue
		}
		for _, a := range chains[at].Wallet.Addresses(t.Network, key, len(ref.Path) > 0) {
			own[a] = true
		}
	}
	for _, e := range r.Effects {
		if !own[e.To] && !own[e.Owner] {
			list = append(list, e)
		}
	}
	return list
}

func payments(effects []chain.Effect) []Payment {
	list := []Payment{}
	for _, e := range effects {
		list = append(list, payment(e.Asset, e.Amount, e.To))
	}
	return list
}

func payment(a chain.Asset, n *big.Int, to string) Payment {
	return Payment{Asset: a.ID, Symbol: a.Symbol, Amount: n.String(), Text: chain.Units(n, a), To: to, units: n, asset: a}
}

// outcome is what the row alone says.
func outcome(t *pending.Transaction) Outcome {
	switch t.State {
	case pending.Complete:
		return Paid
	case pending.Broadcast, pending.Broadcasting:
		return OnWay
	case pending.Pending, pending.Exported, pending.Signed:
		return Waiting
	}
	return NotPaid
}

// compare asks the network's node. A node that does not answer makes the line
// unknown, not wrong.
func (s Source) compare(ctx context.Context, t *pending.Transaction, l *Line) {
	if t.TxID == "" || len(t.Raw) == 0 {
		return // nothing of ours could have been sent
	}
	l.OnChain = "unknown"
	looker := s.Nodes[t.Network]
	if looker == nil {
		return
	}
	saw, err := looker.Look(ctx, chain.Sealed{TxID: t.TxID, Raw: t.Raw})
	switch {
	case err != nil:
		return
	case !saw.Seen:
		l.OnChain = "absent"
	case saw.Failed:
		l.OnChain = "failed"
	default:
		l.OnChain, l.Confirmations = "seen", saw.Confirmations
	}
	said := l.Outcome
	switch {
	case l.OnChain == "seen" && saw.Confirmations > 0:
		if l.Outcome = Paid; said == NotPaid || said == Waiting {
			l.Disagrees = "the row says " + l.State + ", and the chain has the payment in a block"
		}
	case said == Paid: // in no block, or failed there
		l.Outcome, l.Disagrees = OnWay, "the row says complete, and the chain does not show it"
	case l.OnChain == "failed":
		l.Outcome = NotPaid
	}
}

func totals(lines []Line) []Total {
	index, list := map[string]int{}, []Total{}
	at := func(p Payment) *Total {
		i, ok := index[p.Asset]
		if !ok {
			i = len(list)
			index[p.Asset] = i
			list = append(list, Total{Asset: p.Asset, Symbol: p.Symbol, sums: map[Outcome]*big.Int{}, fee: new(big.Int)})
		}
		return &list[i]
	}
	assets := map[string]chain.Asset{}
	for _, l := range lines {
		for _, p := range l.Payments {
			t := at(p)
			assets[p.Asset] = p.asset
			if t.sums[l.Outcome] == nil {
				t.sums[l.Outcome] = new(big.Int)
			}
			t.sums[l.Outcome].Add(t.sums[l.Outcome], p.units)
		}
		if l.Outcome == Paid && l.MaxFee.units != nil {
			assets[l.MaxFee.Asset] = l.MaxFee.asset
			t := at(l.MaxFee)
			t.fee.Add(t.fee, l.MaxFee.units)
		}
	}
	for i := range list {
		list[i].write(assets[list[i].Asset])
	}
	slices.SortFunc(list, func(a, b Total) int { return strings.Compare(a.Asset, b.Asset) })
	return list
}

func (t *Total) write(a chain.Asset) {
	asked := new(big.Int)
	t.ByOutcome = map[Outcome]string{}
	var words []string
	for _, o := range []Outcome{Paid, OnWay, Waiting, NotPaid} {
		if n := t.sums[o]; n != nil {
			asked.Add(asked, n)
			t.ByOutcome[o] = n.String()
			words = append(words, string(o)+" "+chain.Units(n, a))
		}
	}
	t.Asked, t.Text = asked.String(), strings.Join(words, "; ")
	if t.fee.Sign() > 0 {
		t.MaxFee = t.fee.String()
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
