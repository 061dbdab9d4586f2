package replace

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"

	"coldsign/online/internal/node"
	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// attempts is how often a new quote is made again, when another payment has taken what
// it chose.
const attempts = 8

// quote is one new quote of a row on its way.
type quote struct {
	*set
	ctx   context.Context
	maker *Maker
	node  node.Node
	try   int
	rows  []pending.Transaction // the rows of the payment, the first of them first

	// alive says that a row of the payment may still land: then the new one must
	// conflict with it on chain.
	alive bool
}

// requote makes the payment of a row anew, with what the network wants now: what was
// signed too late, or offers too little, or names what has gone. It is the same payment:
// the same recipient, amount, asset, wallet and memo. Where the first may still land,
// both use the same nonce or inputs; where that is not possible, the first must be
// proven dead.
func (m *Maker) requote(ctx context.Context, tenant string, row pending.Transaction, o Options) (Done, error) {
	if _, err := m.latest(ctx, tenant, row.ID); err != nil {
		return Done{}, err // before a node is asked
	}
	if owned, err := m.Intake.Owned(&row); err != nil || !owned {
		if err == nil {
			err = fault.New("requote.state", "have its [[wallet]] table name the tenant", "a wallet of transaction %s is not its tenant's any more", row.ID)
		}
		return Done{}, err
	}
	n, err := m.asked(ctx, row.Network)
	if err != nil {
		return Done{}, err
	}
	for try := 0; ; try++ {
		done, err := m.requoteOnce(ctx, tenant, row.ID, n, try, o)
		if !fault.Is(err, "reservation.conflict") || try+1 == attempts {
			return done, err
		}
	}
}

func (m *Maker) requoteOnce(ctx context.Context, tenant string, id bundle.ID, n node.Node, try int, o Options) (Done, error) {
	rows, err := m.latest(ctx, tenant, id)
	if err != nil {
		return Done{}, err
	}
	row := rows[len(rows)-1]
	s, root, err := m.set(ctx, tenant, row, o)
	if err != nil {
		return Done{}, err
	}
	q := &quote{set: s, ctx: ctx, maker: m, node: n, try: try, rows: rows}
	for i := range rows {
		q.alive = q.alive || !store.Spent(&rows[i])
	}
	if err := q.wanted(); err != nil {
		return Done{}, err
	}
	made, err := q.make()
	if err != nil {
		return Done{}, err
	}
	if made.Requotes, made.Told = id, o.Force; q.alive {
		made.Replaces = root
	}
	return m.enter(ctx, tenant, id, made, o)
}

// latest gives the rows of a payment, of which the row must be the last.
func (m *Maker) latest(ctx context.Context, tenant string, id bundle.ID) ([]pending.Transaction, error) {
	rows, err := m.Store.Payment(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	last := &rows[len(rows)-1]
	if last.ID != id {
		return nil, fault.New("requote.exists", "quote that one anew, if it is stale too", "transaction %s makes the payment of %s already", last.ID, id)
	}
	return rows, store.Requotable(last)
}

// asked gives the nodes of a network, which must answer for it: what the network wants
// now is what a quote is about.
func (m *Maker) asked(ctx context.Context, network chain.ID) (node.Node, error) {
	n := m.Nodes[network]
	if n == nil {
		return nil, fault.New("node.missing", "add a [[network]] table to config.toml", "no node is configured for %s", network)
	}
	return n, n.Check(ctx)
}

func (m *Maker) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	return time.Now()
}

// wanted refuses to make a payment anew that is being cancelled on chain.
func (q *quote) wanted() error {
	s := *q.set
	s.option.Force = false
	if s.of.row.Code == pending.Passed {
		s.of.row.CancelRequested = false // by its deadline, and nobody's wish
	}
	cancels, err := q.maker.cancels(q.ctx, &s)
	if err == nil && cancels {
		err = fault.New("requote.state", "", "transaction %s pays nobody", s.of.row.ID)
	}
	return err
}

// noted is what an earlier quote has put before the application's own note.
var noted = regexp.MustCompile(`^quotes [0-9a-f]{24} anew(?:: |$)`)

// make makes the new row by the rules of its chain.
func (q *quote) make() (*pending.Transaction, error) {
	request := q.of.request
	own := request.Note
	if len(q.rows) > 1 {
		own = noted.ReplaceAllString(own, "")
	}
	request.Note = strings.TrimSuffix("quotes "+q.rows[0].ID.String()+" anew: "+own, ": ")
	request.Requester = q.option.Requester
	if q.sent || q.of.row.Late(q.maker.now()) {
		request.Deadline = 0 // it was met, or whoever asks for the new quote does not mind
	}
	var err error
	switch q.of.row.Network.Namespace() {
	case "bip122":
		err = q.bitcoin(&request)
	case "eip155":
		err = q.evm(&request)
	case "solana":
		err = q.solana(&request)
	default:
		err = fault.New("replace.chain", "", "transactions of %s cannot be quoted anew by this version", q.of.row.Chain)
	}
	if err != nil {
		return nil, err
	}
	made, _, err := q.maker.Intake.Rebuild(&q.of.row, request)
	return made, err
}

// never reports whether nothing of the row has left, so that what it holds is its own.
func (q *quote) never() bool { return q.of.row.State == pending.Pending && !q.of.row.MaybeSigned }

// refused reports whether the offline half has refused the row. By a clock that was set
// back it may sign it after all, so that a new row had better conflict with it.
func (q *quote) refused() bool { return q.of.row.State == pending.Refused }

// errTaken says that the first cannot be outbid any more, and is not proven dead yet.
func (q *quote) errTaken(what string) error {
	row := &q.of.row
	cure := "wait until its end is known, and quote it anew then"
	if row.TxID == "" {
		cure = "import its answer, so that it can be looked for"
	}
	return fault.New("requote.taken", cure, "%s of transaction %s is used up, and it may be what used it", what, row.ID)
}

// apart refuses a new quote that does not conflict with one of which no signature is
// known here, where somebody else may have signed that: those whose keys have the scopes
// serve themselves from the list, and the offline half may sign yet what it has deferred.
func (q *quote) apart(why string, scopes ...string) error {
	row := &q.of.row
	if q.option.Force || len(row.Raw) > 0 || row.State == pending.Refused {
		return nil
	}
	held, err := q.maker.Store.Holds(q.ctx, row.Tenant, scopes...)
	if err != nil || !held && !row.Left() {
		return err
	}
	return fault.New("requote.unproven", "look whether it was paid; if it was not, say --force", "%s, and transaction %s may have been signed elsewhere", why, row.ID)
}

// superseded says what becomes of replacing or cancelling a row whose payment another
// one makes by now. over: nothing else is to be done.
func (m *Maker) superseded(ctx context.Context, tenant string, row pending.Transaction, o Options) (done Done, over bool, err error) {
	links, err := m.Store.Successions(ctx, []bundle.ID{row.ID})
	x := links[row.ID]
	if err != nil || x.By == (bundle.ID{}) || row.State == pending.Broadcasting || row.State == pending.Broadcast {
		return done, false, err
	}
	if x.Unanswered && o.Cancel {
		done.Row, err = m.Store.Cancel(ctx, tenant, row.ID)
		done.Root = row.ID
		return done, true, err
	}
	if x.Open || row.State == pending.Cancelled {
		return done, true, fault.New("requote.exists", "name that one", "transaction %s makes the payment of %s now", x.By, row.ID)
	}
	return done, false, nil
}

// cap refuses a fee that nobody means to pay, unless it was named.
func (q *quote) capped(fee *big.Int) error {
	if q.option.Fee != nil {
		return nil
	}
	for _, n := range q.chain.Networks {
		if n.ID == q.of.row.Network && n.FeeCap != nil && fee.Cmp(n.FeeCap) > 0 {
			return fault.New("requote.fee", "name it, if it is to be paid all the same", "it would cost a fee of up to %s base units, and %s is the most that is offered unasked", fee, n.FeeCap)
		}
	}
	return nil
}

var errNoPrice = errors.New("the node does not say what the network asks for")

func nodeError(err error) error {
	if fault.Code(err) != "" {
		return err
	}
	return fault.New("node.unusable", "try again", "%s", fmt.Sprint(err))
}
