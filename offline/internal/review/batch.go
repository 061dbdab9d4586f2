// Package review turns a verified bundle of requests into what a person
// decides on: for each request what it would do, which of our keys it uses,
// what comes back to us, and what the policy says.
//
// Nothing here trusts the online half: keys are derived and compared, change is
// change only when the keystore derives its address, and every other fact comes
// from the codec's single decode.
package review

import (
	"fmt"
	"runtime"
	"sync"

	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/policy"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

// Networks finds the chain that a network belongs to.
type Networks interface {
	ByNetwork(chain.ID) (chain.Chain, chain.Network, bool)
}

// Keys derives the keys that requests name.
type Keys interface {
	Find(bundle.SignatureID) (keystore.Info, error)
	Key(bundle.SignatureID, []uint32) (*keystore.Key, error)
}

// Ledger remembers what ids are bound to.
type Ledger interface {
	Bound(bundle.ID) (journal.Decision, bool)
}

// Reviewer holds what a review needs.
type Reviewer struct {
	Networks Networks
	Keys     Keys
	Ledger   Ledger
	Policy   policy.Policy
	Now      int64 // Unix seconds by this machine's clock

	addresses sync.Map // addressKey -> []string
}

// Item is one request, explained.
type Item struct {
	Request bundle.Request
	Digest  [32]byte
	Chain   string // KMS chain name; "" when the network is unknown
	Network chain.Network
	Review  chain.Review
	Own     []string // for each effect, the wallet that gets it back, or ""
	Signers []string // the keys that sign, in words
	Verdict policy.Verdict
	Repeat  bool // decided before, with this very digest

	tx      chain.Tx
	signing map[chain.PublicKey]*keystore.Key
}

// Batch is a bundle, explained.
type Batch struct {
	Header bundle.Header
	Digest [32]byte
	Items  []Item
}

// Batch explains every request of b, using all cores. It fails only when the
// bundle as a whole is wrong; a bad request is an Item with a Verdict that
// denies.
func (v *Reviewer) Batch(b *bundle.Bundle) (*Batch, error) {
	batch := &Batch{Header: b.Header, Digest: b.Digest(), Items: make([]Item, b.Len())}
	errs := make([]error, b.Len())
	Parallel(b.Len(), func(i int) {
		req, digest, err := b.Request(i)
		if err != nil {
			errs[i] = err
			return
		}
		batch.Items[i] = v.item(req, digest)
	})
	seen := make(map[bundle.ID]int, b.Len())
	for i, err := range errs {
		if err != nil {
			return nil, err
		}
		id := batch.Items[i].Request.ID
		if first, ok := seen[id]; ok {
			return nil, fault.New("bundle.item", "export again", "requests %d and %d have the same id %s", first+1, i+1, id)
		}
		seen[id] = i
	}
	return batch, nil
}

// Parallel calls f for 0 to n-1 on all cores and waits.
func Parallel(n int, f func(i int)) {
	const chunk = 64
	var wg sync.WaitGroup
	next := make(chan int, n/chunk+1)
	for i := 0; i < n; i += chunk {
		next <- i
	}
	close(next)
	for range min(runtime.GOMAXPROCS(0), n/chunk+1) {
		wg.Go(func() {
			for i := range next {
				for j := i; j < min(i+chunk, n); j++ {
					f(j)
				}
			}
		})
	}
	wg.Wait()
}

func (v *Reviewer) item(req bundle.Request, digest [32]byte) Item {
	it := Item{Request: req, Digest: digest}
	if err := v.explain(&it); err != nil {
		it.Verdict = policy.Verdict{Code: fault.Code(err), Rule: "only what can be read and is ours", Reason: err.Error()}
		return it
	}
	it.Verdict = v.Policy.Judge(it.Review, it.Network, func(i int) bool { return it.Own[i] != "" })
	if d := it.Request.Deadline; it.Verdict.Allow && d != 0 && v.Now > d {
		it.Verdict = policy.Verdict{Code: "request.expired", Rule: "no request after its deadline", Reason: "the requester's deadline has passed by this machine's clock"}
	}
	// What was decided once stays decided, whatever the policy says today.
	if old, ok := v.Ledger.Bound(req.ID); ok && old.Status != bundle.Deferred {
		if old.Digest != digest {
			it.Verdict = policy.Verdict{Code: "journal.conflict", Rule: "one digest for each id, for ever", Reason: "this id was bound to other content before"}
			return it
		}
		it.Repeat = true
		it.Verdict = policy.Verdict{Allow: old.Status == bundle.Signed, Code: old.Code, Rule: "decided before", Reason: old.Reason}
	}
	return it
}

// explain fills in everything but the verdict.
func (v *Reviewer) explain(it *Item) error {
	ch, n, ok := v.Networks.ByNetwork(it.Request.Network)
	if !ok {
		return fault.New("network.unknown", "", "network %q is not in the list", it.Request.Network)
	}
	it.Chain, it.Network = ch.Name, n
	u := chain.Unsigned{Network: n.ID, Payload: it.Request.Payload, Evidence: it.Request.Evidence}
	it.signing = make(map[chain.PublicKey]*keystore.Key, 1)
	keys := make([]*keystore.Key, len(it.Request.Keys))
	for i, ref := range it.Request.Keys {
		k, err := v.key(ref, ch, n)
		if err != nil {
			return err
		}
		keys[i] = k
		if ref.Sign {
			u.Signers = append(u.Signers, k.Public())
			it.signing[k.Public()] = k
			it.signing[k.Public().Even()] = k
			it.Signers = append(it.Signers, describe(ref))
		}
	}
	tx, err := ch.Codec.Decode(u)
	if err != nil {
		return err
	}
	it.tx, it.Review = tx, tx.Review()
	it.Own = v.own(it, keys, ch)
	return nil
}

// key derives the key that ref claims and compares.
func (v *Reviewer) key(ref bundle.KeyRef, ch chain.Chain, n chain.Network) (*keystore.Key, error) {
	info, err := v.Keys.Find(ref.SignatureID)
	if err != nil {
		return nil, err
	}
	if info.Chain != ch.Name || info.Testnet != n.Testnet {
		return nil, fault.New("wallet.network", "", "wallet %s is for %s, not for network %s", ref.SignatureID, kindOf(info), n.ID)
	}
	k, err := v.Keys.Key(ref.SignatureID, ref.Path)
	if err != nil {
		return nil, err
	}
	if pub := k.Public(); pub.Curve() != ref.Curve || string(pub.Bytes()) != string(ref.Key) {
		return nil, fault.New("request.key", "", "wallet %s has another key at %s than the request claims", ref.SignatureID, chain.PathString(ref.Path))
	}
	return k, nil
}

func kindOf(i keystore.Info) string {
	if i.Testnet {
		return i.Chain + " test networks"
	}
	return i.Chain + " mainnet"
}

func describe(ref bundle.KeyRef) string {
	if len(ref.Path) == 0 {
		return ref.SignatureID.String()
	}
	return ref.SignatureID.String() + " " + chain.PathString(ref.Path)
}

type addressKey struct {
	network chain.ID
	key     chain.PublicKey
	derived bool
}

// own finds the effects that pay a key of a wallet that also signs here, at a
// path where that wallet will look. Any other effect is a spend, even to us.
func (v *Reviewer) own(it *Item, keys []*keystore.Key, ch chain.Chain) []string {
	own := make([]string, len(it.Review.Effects))
	for i, ref := range it.Request.Keys {
		if !payer(it.Request.Keys, ref) {
			continue
		}
		for _, a := range v.addressesOf(ch, it.Network.ID, keys[i].Public(), len(ref.Path) > 0) {
			for j, e := range it.Review.Effects {
				if e.To == a || e.Owner == a {
					own[j] = describe(ref)
				}
			}
		}
	}
	return own
}

func payer(refs []bundle.KeyRef, ref bundle.KeyRef) bool {
	for _, s := range refs {
		if s.Sign && s.SignatureID == ref.SignatureID && keystore.Near(ref.Path, s.Path) {
			return true
		}
	}
	return false
}

func (v *Reviewer) addressesOf(ch chain.Chain, n chain.ID, k chain.PublicKey, derived bool) []string {
	key := addressKey{n, k, derived}
	if a, ok := v.addresses.Load(key); ok {
		return a.([]string)
	}
	a := ch.Wallet.Addresses(n, k, derived)
	v.addresses.Store(key, a)
	return a
}

// Sign makes the receipt of an item. A request whose verdict denies gets a
// refusal. Every signature is verified, by the same code that will seal it
// online, before it leaves this function.
func (it *Item) Sign() bundle.Receipt {
	r := bundle.Receipt{ID: it.Request.ID, Digest: it.Digest}
	if !it.Verdict.Allow {
		return refusal(r, it.Verdict.Code, it.Verdict.Reason)
	}
	wanted := it.tx.ToSign()
	sigs := make([]chain.Signature, len(wanted))
	for i, w := range wanted {
		k, ok := it.signing[w.Key]
		if !ok {
			return refusal(r, "sign.key", fmt.Sprintf("no key %s among the signers", w.Key))
		}
		s, err := k.Sign(w)
		if err != nil {
			return refusal(r, fault.Code(err), err.Error())
		}
		sigs[i] = s
	}
	if _, err := it.tx.Seal(sigs); err != nil {
		return refusal(r, "sign.verify", "a signature did not verify: "+err.Error())
	}
	r.Status = bundle.Signed
	for _, s := range sigs {
		r.Signatures = append(r.Signatures, s.Bytes)
	}
	return r
}

func refusal(r bundle.Receipt, code, reason string) bundle.Receipt {
	r.Status, r.Signatures, r.Code, r.Reason = bundle.Refused, nil, code, printable(reason)
	return r
}
