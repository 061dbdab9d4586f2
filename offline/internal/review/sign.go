package review

import (
	"crypto/sha256"
	"fmt"

	"coldsign/offline/internal/policy"
	"coldsign/offline/internal/verify"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// together is how many requests are checked as one: enough for the saving, few
// enough that one wrong signature costs little to find.
const together = 2048

// Sign makes the receipts of the batch, in order, on all cores. Every signature
// is verified before it leaves: together where that is sound, else one by one. Each
// receipt says what was waived.
func (b *Batch) Sign(waived bundle.Waived) []bundle.Receipt {
	receipts := make([]bundle.Receipt, len(b.Items))
	Parallel((len(b.Items)+together-1)/together, 1, func(c int) {
		signChunk(b.Items[c*together:min((c+1)*together, len(b.Items))], receipts[c*together:])
	})
	for i := range receipts {
		receipts[i].Waived = waived
	}
	return receipts
}

func signChunk(items []Item, receipts []bundle.Receipt) {
	var pairs []verify.Pair
	for i := range items {
		r, p := items[i].sign()
		receipts[i] = r
		pairs = append(pairs, p...)
	}
	if verify.All(pairs) {
		return
	}
	for i := range items {
		receipts[i] = items[i].Sign()
	}
}

// sign makes a receipt whose signatures are still to be verified: the pairs.
func (it *Item) sign() (bundle.Receipt, []verify.Pair) {
	r := bundle.Receipt{ID: it.Request.ID, Digest: it.Digest, Policy: it.Verdict.By}
	if !it.Verdict.Allow {
		return refusal(r, it.Verdict), nil
	}
	wanted := it.tx.ToSign()
	pairs := make([]verify.Pair, len(wanted))
	for i, w := range wanted {
		if !verify.Batched(w.Scheme) {
			return it.Sign(), nil
		}
		s, err := it.one(w)
		if err != nil {
			return refusal(r, failed(err)), nil
		}
		pairs[i] = verify.Pair{Request: w, Signature: s}
		r.Signatures = append(r.Signatures, s.Bytes)
	}
	r.Status = bundle.Signed
	return r, pairs
}

// Sign makes the receipt of one item. Its signatures are verified by the same
// code that will seal the transaction online.
func (it *Item) Sign() bundle.Receipt {
	r := bundle.Receipt{ID: it.Request.ID, Digest: it.Digest, Policy: it.Verdict.By}
	if !it.Verdict.Allow {
		return refusal(r, it.Verdict)
	}
	var sigs []chain.Signature
	for _, w := range it.tx.ToSign() {
		s, err := it.one(w)
		if err != nil {
			return refusal(r, failed(err))
		}
		sigs = append(sigs, s)
		r.Signatures = append(r.Signatures, s.Bytes)
	}
	if _, err := it.tx.Seal(sigs); err != nil {
		return refusal(r, policy.Verdict{Code: "sign.verify", Reason: "a signature did not verify: " + err.Error()})
	}
	r.Status = bundle.Signed
	return r
}

func (it *Item) one(w chain.SignRequest) (chain.Signature, error) {
	k, ok := it.signing[w.Key]
	if !ok {
		return chain.Signature{}, fault.New("sign.key", "", "no key %s among the signers", w.Key)
	}
	return k.Sign(w)
}

func failed(err error) policy.Verdict {
	return policy.Verdict{Code: fault.Code(err), Reason: fmt.Sprint(err)}
}

func refusal(r bundle.Receipt, v policy.Verdict) bundle.Receipt {
	r.Status, r.Signatures, r.Code, r.Reason = bundle.Refused, nil, v.Code, printable(v.Reason)
	if v.Later {
		r.Status = bundle.Deferred
	}
	return r
}

// Defer puts off every request that was not decided before: nothing is decided, and the online half may ask
// again in another bundle.
func (b *Batch) Defer(code, reason string) {
	for i := range b.Items {
		if b.Items[i].Repeat {
			continue
		}
		b.Items[i].put(code, reason)
	}
}

// Overdue puts off what its requester's deadline has overtaken since it was judged.
func (b *Batch) Overdue(now int64) {
	for i := range b.Items {
		if it := &b.Items[i]; it.Verdict.Allow && !it.Repeat && it.Request.Deadline != 0 && now > it.Request.Deadline {
			it.put("request.expired", "the requester's deadline has passed by this machine's clock")
		}
	}
}

func (it *Item) put(code, reason string) {
	it.judged = false
	it.Verdict = policy.Verdict{Later: true, Code: code, Rule: "nothing is decided too late", Reason: reason, By: it.Verdict.By}
}

// Undecided reports whether every request is put off.
func (b *Batch) Undecided() bool {
	for i := range b.Items {
		if !b.Items[i].Verdict.Later {
			return false
		}
	}
	return true
}

// Shown is what a review of the batch leaves in the journal: the bundle's digest
// and, behind it, the SHA-256 of all verdicts, and of the digests of the files that
// its names and decimals are from.
func (b *Batch) Shown() []byte {
	h := sha256.New()
	h.Write(b.inForce)
	for i := range b.Items {
		v := b.Items[i].Verdict
		fmt.Fprintf(h, "%t %t %s %q %v\n", v.Allow, v.Later, v.Code, v.By, v.Needs)
	}
	return h.Sum(b.Digest[:len(b.Digest):len(b.Digest)])
}
