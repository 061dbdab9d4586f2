package courier

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// The statuses of a Report's items.
const (
	StatusSigned      = "signed"
	StatusRefused     = "refused"
	StatusDeferred    = "deferred"
	StatusQuarantined = "quarantined" // kept, not used: Code says why
)

// answer is one receipt with what can be told of it before the database is asked.
type answer struct {
	receipt bundle.Receipt
	request bundle.Request
	digest  [32]byte // of request
	bundle  uint64   // sequence of ours that it answers
	psbt    []byte   // of another wallet: what the signatures are to be taken from
	sealed  chain.Sealed
	err     error // why the signatures do not make the transaction
}

// Import takes the offline half's receipts. Signatures are verified and sealed
// into this half's own copy of each request; receipts, states and the place in
// the sequence are then stored in one transaction. A receipt that cannot be used
// is quarantined with a code, the others count. A bundle that answers nothing we
// sent, answers what was not in it, or answers twice is refused whole.
func Import(ctx context.Context, s *store.Store, dev *Device, codecs Codecs, raw []byte) (Report, error) {
	b, repeat, err := open(ctx, s, dev, raw, bundle.Receipts)
	if err != nil {
		return Report{}, err
	}
	r := Report{Sequence: b.Sequence, Repeat: repeat}
	for i := range b.Len() {
		receipt, err := b.Receipt(i)
		if err != nil {
			return Report{}, err
		}
		r.Waived |= receipt.Waived
		r.Policies = append(r.Policies, receipt.Policy)
	}
	if !repeat {
		answers, err := match(ctx, s, dev, b)
		if err != nil {
			return Report{}, err
		}
		sealAll(codecs, answers)
		r.Repeat, err = s.Import(ctx, raw, b.Header, b.Digest(), func(x *store.ImportTx) error {
			for i := range answers {
				o, err := settle(x, &answers[i])
				if err != nil {
					return err
				}
				if err := x.Record(i, o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return Report{}, err
		}
	}
	r.Items, err = s.Outcomes(ctx, b.Digest())
	if err != nil {
		return Report{}, err
	}
	return r, nil
}

// match pairs every receipt with the request that it answers, from our own copy
// of the bundle that it names.
func match(ctx context.Context, s *store.Store, dev *Device, b *bundle.Bundle) ([]answer, error) {
	raw, ok, err := s.BundleByDigest(ctx, b.Answers)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.New("import.answers", "export again, sign that file, and bring back its receipts", "these receipts answer a bundle that was not made here")
	}
	sent, err := bundle.Open(raw, dev.Public())
	if err != nil {
		return nil, err
	}
	asked := make(map[bundle.ID]int, sent.Len())
	requests := make([]answer, sent.Len())
	for i := range requests {
		a := &requests[i]
		a.bundle = sent.Sequence
		if a.request, a.digest, err = sent.Request(i); err != nil {
			return nil, err
		}
		asked[a.request.ID] = i
	}
	answers := make([]answer, b.Len())
	seen := make(map[bundle.ID]bool, b.Len())
	for i := range answers {
		receipt, err := b.Receipt(i)
		if err != nil {
			return nil, err
		}
		at, ok := asked[receipt.ID]
		if !ok {
			return nil, fault.New("import.foreign", "", "receipt %d is for transaction %s, which is not in the bundle that it answers", i+1, receipt.ID)
		}
		if seen[receipt.ID] {
			return nil, fault.New("import.duplicate", "", "two receipts are for transaction %s", receipt.ID)
		}
		seen[receipt.ID] = true
		answers[i] = requests[at]
		answers[i].receipt = receipt
	}
	return answers, nil
}

// sealAll verifies and seals on every core. A codec that breaks costs one receipt.
func sealAll(codecs Codecs, answers []answer) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(answers)) {
		wait.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(answers)); i = next.Add(1) - 1 {
				a := &answers[i]
				if a.receipt.Digest == a.digest && a.receipt.Status == bundle.Signed {
					a.sealed, a.err = guarded(codecs, a)
				}
			}
		})
	}
	wait.Wait()
}

func guarded(codecs Codecs, a *answer) (s chain.Sealed, err error) {
	defer func() {
		if p := recover(); p != nil {
			s, err = chain.Sealed{}, fault.New("receipt.codec", "report this as a defect", "the codec broke: %s", quote.Line(fmt.Sprint(p)))
		}
	}()
	if a.psbt == nil {
		return seal(codecs, a.request, a.receipt.Signatures)
	}
	u, err := a.request.Unsigned()
	if err != nil {
		return chain.Sealed{}, err
	}
	signatures, err := bitcoin.Signatures(u, a.psbt)
	if err != nil {
		return chain.Sealed{}, err
	}
	return seal(codecs, a.request, signatures)
}

// seal reads our own request with the codec that accepted it, and puts the
// signatures in. The keys and schemes are the codec's, not the receipt's.
func seal(codecs Codecs, r bundle.Request, signatures [][]byte) (chain.Sealed, error) {
	tx, err := decode(codecs, r)
	if err != nil {
		return chain.Sealed{}, err
	}
	wanted := tx.ToSign()
	if len(wanted) != len(signatures) {
		return chain.Sealed{}, fault.New("receipt.signatures", "", "it has %d signatures, and the transaction needs %d", len(signatures), len(wanted))
	}
	sigs := make([]chain.Signature, len(wanted))
	for i, w := range wanted {
		sigs[i] = chain.Signature{Key: w.Key, Scheme: w.Scheme, Bytes: signatures[i]}
	}
	sealed, err := tx.Seal(sigs)
	if err != nil {
		return chain.Sealed{}, err
	}
	if sealed.TxID == "" || len(sealed.Raw) == 0 {
		return chain.Sealed{}, fault.New("receipt.sealed", "report this as a defect", "the codec gave an empty transaction")
	}
	return sealed, nil
}

func decode(codecs Codecs, r bundle.Request) (chain.Tx, error) {
	c, _, ok := codecs.ByNetwork(r.Network)
	if !ok {
		return nil, fault.New("receipt.network", "use a version of this program that knows it", "no codec reads network %s", quote.Line(string(r.Network)))
	}
	u, err := r.Unsigned()
	if err != nil {
		return nil, err
	}
	return c.Codec.Decode(u)
}

// settle applies one receipt to its row.
func settle(x *store.ImportTx, a *answer) (store.Outcome, error) {
	r := &a.receipt
	held := func(code, reason string) (store.Outcome, error) {
		return store.Outcome{ID: r.ID, Status: StatusQuarantined, Code: code, Reason: reason}, nil
	}
	row, ok, err := x.Row(r.ID)
	if err != nil {
		return store.Outcome{}, err
	}
	switch {
	case !ok:
		return held("receipt.unknown", "no such transaction is known here")
	case r.Digest != a.digest || r.Digest != row.Digest:
		return held("receipt.digest", "it is for another request than the one that was sent")
	case row.State != pending.Exported:
		return held("receipt.state", "the transaction is "+string(row.State))
	case r.Status == bundle.Signed && row.CancelRequested && row.Code == pending.Requoted && a.err == nil:
		err := x.SealRequoted(row, a.sealed.TxID, a.sealed.Raw)
		if err != nil && !fault.Is(err, "txid.duplicate") {
			return store.Outcome{}, err
		}
		return held("receipt.requoted", row.Reason+": this signature is kept and not used")
	case r.Status == bundle.Signed && row.CancelRequested:
		return held("receipt.cancelled", "its cancelling was requested: the signature is kept and not used")
	case r.Status != bundle.Signed && row.Bundle != a.bundle:
		return held("receipt.older", "the transaction has since gone out in another bundle, which may be signed")
	case a.err != nil:
		return held(fault.Code(a.err), quote.Line(a.err.Error()))
	}
	switch r.Status {
	case bundle.Signed:
		if x.Late(row) {
			return stale(x, row, a)
		}
		o := store.Outcome{ID: r.ID, Status: StatusSigned, TxID: a.sealed.TxID}
		err := x.Move(row, pending.Seal, func(p *pending.Transaction) error {
			p.TxID, p.Raw = a.sealed.TxID, a.sealed.Raw
			return nil
		})
		if fault.Is(err, "txid.duplicate") { // asked before anything was written
			return held("txid.duplicate", quote.Line(err.Error()))
		}
		return o, err
	case bundle.Refused:
		o := store.Outcome{ID: r.ID, Status: StatusRefused, Code: r.Code, Reason: r.Reason}
		return o, x.Move(row, pending.Refuse, func(p *pending.Transaction) error {
			p.Code, p.Reason = r.Code, r.Reason
			return nil
		})
	case bundle.Deferred:
		return store.Outcome{ID: r.ID, Status: StatusDeferred, Code: r.Code, Reason: r.Reason}, x.PutBack(row)
	}
	return held("receipt.status", "its status is not known here")
}

// stale takes an answer that came after the deadline. The payment is not made: it
// is to be quoted anew, in a transaction of its own that takes the place of this
// one. That the bytes exist is kept.
func stale(x *store.ImportTx, row pending.Transaction, a *answer) (store.Outcome, error) {
	o := store.Outcome{ID: row.ID, Status: StatusDeferred, TxID: a.sealed.TxID}
	var err error
	o.Code, o.Reason, err = x.SealLate(row, a.sealed.TxID, a.sealed.Raw)
	if fault.Is(err, "txid.duplicate") { // asked before anything was written
		return store.Outcome{ID: row.ID, Status: StatusQuarantined, Code: "txid.duplicate", Reason: quote.Line(err.Error())}, nil
	}
	o.Reason += "; quote the payment anew"
	return o, err
}
