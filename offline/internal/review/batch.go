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
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"coldsign/offline/internal/book"
	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/multisig"
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
	Book     *book.Book    // names of addresses; nil for none
	Tokens   *book.Tokens  // symbols and decimals; nil where none are in force
	Past     []policy.Past // what was signed before
	Created  int64         // the latest time that an online half has told: for requests that tell none
	Latest   int64         // the latest that one is believed; 0 for any
	Now      int64         // Unix seconds by this machine's clock
	InForce  []byte        // digests of the operators' files that names and decimals are from

	Multisigs *multisig.Enrolled // the multisig wallets whose coins may be signed for
	Partial   bool               // others may sign after us: the requests are a coordinator's

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
	Known   []string // for each effect, the address book's name for who gets it, or ""
	Signers []string // the keys that sign, in words
	Verdict policy.Verdict
	Repeat  bool // decided before, with this very digest

	back    []string // Own, but for any of the wallets that sign
	out     bool     // signed before, though it cannot be signed again today
	judged  bool     // by the policy: it can be judged again
	spends  []string // the wallets whose coins it spends
	tx      chain.Tx
	signing map[chain.PublicKey]signer
}

// signer makes signatures with one key. What it makes is not believed.
type signer interface {
	Sign(chain.SignRequest) (chain.Signature, error)
}

// Requests are what a batch is made of: an opened bundle, or what another wallet
// asks.
type Requests interface {
	Len() int
	Request(i int) (bundle.Request, [32]byte, error)
	Digest() [32]byte
}

// Batch is a bundle, or the request of another wallet, explained.
type Batch struct {
	Header bundle.Header // zero for another wallet
	From   string        // the form that another wallet's request has; "" for the paired half's bundle
	Digest [32]byte
	Items  []Item

	inForce []byte // as Reviewer.InForce
}

// Batch explains every request of b, using all cores. It fails only when the
// bundle as a whole is wrong; a bad request is an Item with a Verdict that
// denies.
func (v *Reviewer) Batch(b Requests) (*Batch, error) {
	batch := &Batch{Digest: b.Digest(), Items: make([]Item, b.Len()), inForce: v.InForce}
	if b, ok := b.(*bundle.Bundle); ok {
		batch.Header = b.Header
	}
	errs := make([]error, b.Len())
	Parallel(b.Len(), 64, func(i int) {
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
	v.judge(batch)
	return batch, nil
}

// judge asks the policy for every item that was not decided before, in order: what
// one takes of a limit, the next cannot.
func (v *Reviewer) judge(b *Batch) {
	created := b.Header.Created
	if created == 0 {
		created = v.Created
	}
	if v.Latest != 0 {
		created = min(created, v.Latest)
	}
	court := v.Policy.Court(v.Book, v.Past, policy.Clock{Now: v.Now, Created: created})
	for i := range b.Items {
		it := &b.Items[i]
		d := it.Request.Deadline
		switch {
		case it.Repeat:
			continue
		case it.Verdict.Code != "":
		default:
			it.judged = true
			it.Verdict = court.Judge(policy.Case{Review: it.Review, Network: it.Network, Wallets: it.spends, Late: d != 0 && v.Now > d, Named: strings.TrimSpace(it.Request.Requester) != "",
				Own: func(i int) bool { return it.Own[i] != "" }, Back: func(i int) bool { return it.back[i] != "" }})
		}
		if it.Verdict.By == "" {
			it.Verdict.By = v.Policy.Label()
		}
	}
}

// Again judges anew what no person has refused: what they refused takes nothing of a
// limit. It gives the requests that are allowed now and were not; undo takes that back.
func (v *Reviewer) Again(b *Batch) (more []int, undo func()) {
	was := make([]policy.Verdict, len(b.Items))
	for i := range b.Items {
		it := &b.Items[i]
		if was[i] = it.Verdict; it.judged && it.Verdict.Code != refusedByOperator {
			it.Verdict = policy.Verdict{}
		}
	}
	v.judge(b)
	for i := range b.Items {
		if b.Items[i].Verdict.Allow && !was[i].Allow {
			more = append(more, i)
		}
	}
	return more, func() {
		for i := range b.Items {
			b.Items[i].Verdict = was[i]
		}
	}
}

// Parallel calls f for 0 to n-1 on all cores, chunk by chunk, and waits. When f
// panics so does Parallel, in the goroutine of its caller, who can recover, and
// without what f was given.
func Parallel(n, chunk int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int, n/chunk+1)
	for i := 0; i < n; i += chunk {
		next <- i
	}
	close(next)
	var broken atomic.Bool
	for range min(runtime.GOMAXPROCS(0), n/chunk+1) {
		wg.Go(func() {
			defer func() {
				if recover() != nil {
					broken.Store(true)
				}
			}()
			for i := range next {
				for j := i; j < min(i+chunk, n); j++ {
					f(j)
				}
			}
		})
	}
	wg.Wait()
	if broken.Load() {
		panic("review: a worker panicked")
	}
}

// item explains one request, and judges it if the policy has no say. A codec that
// breaks on one spoils that one alone.
func (v *Reviewer) item(req bundle.Request, digest [32]byte) (it Item) {
	it = Item{Request: req, Digest: digest}
	err := v.guarded(&it)
	// What was decided once stays decided, whatever can be read or the policy
	// says today.
	if old, ok := v.Ledger.Bound(req.ID); ok && old.Status != bundle.Deferred {
		switch {
		case old.Digest != digest:
			it.Verdict = policy.Verdict{Code: "journal.conflict", Rule: "one digest for each id, for ever", Reason: "this id was bound to other content before"}
		case err != nil && old.Status == bundle.Signed:
			// A signature is out: it must not be taken for refused.
			it.out = true
			it.Verdict = policy.Verdict{Later: true, Code: fault.Code(err), Rule: "decided before", Reason: "signed before, but not now: " + err.Error()}
		default:
			it.Repeat = true
			it.Verdict = policy.Verdict{Allow: old.Status == bundle.Signed, Code: old.Code, Rule: "decided before", Reason: old.Reason, By: old.By}
		}
		return it
	}
	if err != nil {
		// A wallet can still be imported, or enrolled: that is no decision about the payment.
		later := fault.Is(err, "wallet.missing") || fault.Is(err, "multisig.unknown")
		it.Verdict = policy.Verdict{Later: later, Code: fault.Code(err), Rule: "only what can be read and is ours", Reason: err.Error()}
	}
	return it
}

// guarded is explain, with a panic turned into a refusal of the one request.
func (v *Reviewer) guarded(it *Item) (err error) {
	defer func() {
		if recover() != nil {
			it.tx = nil
			err = fault.New("request.unreadable", "", "the codec broke on this request")
		}
	}()
	return v.explain(it)
}

// explain fills in everything but the verdict.
func (v *Reviewer) explain(it *Item) error {
	ch, n, ok := v.Networks.ByNetwork(it.Request.Network)
	if !ok {
		return fault.New("network.unknown", "", "network %q is not in the list", it.Request.Network)
	}
	it.Chain, it.Network = ch.Name, n
	u := chain.Unsigned{Network: n.ID, Payload: it.Request.Payload, Evidence: it.Request.Evidence, Partial: v.Partial}
	it.signing = make(map[chain.PublicKey]signer, 1)
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
	if n := len(tx.ToSign()); n > bundle.MaxSignatures {
		return fault.New("request.size", "", "it wants %d signatures, and %d is the most", n, bundle.MaxSignatures)
	}
	it.tx, it.Review = tx, tx.Review()
	s, unknown := v.spenders(it, keys)
	it.spends = s.ids
	// Where several wallets sign nothing is change, since what one pays may come to
	// another; but it is not moved to anybody either, so no fee is small beside it.
	it.back = v.own(it, keys, ch, &s)
	if it.Own = it.back; len(s.ids) != 1 {
		it.Own = make([]string, len(it.back))
	}
	if err := v.name(it); err != nil {
		return err
	}
	return unknown
}

// name says what the operators' files know of assets and addresses.
func (v *Reviewer) name(it *Item) error {
	r := &it.Review
	r.Effects, r.Warnings = slices.Clone(r.Effects), slices.Clone(r.Warnings)
	it.Known = make([]string, len(r.Effects))
	seen := map[string]bool{}
	for i := range r.Effects {
		e := &r.Effects[i]
		if e.Asset.ID != string(r.Network) && v.Tokens != nil {
			t, known := v.Tokens.At(e.Asset.ID)
			switch {
			case known && e.Asset.Decimals >= 0 && e.Asset.Decimals != t.Decimals:
				return fault.New("tokens.decimals", "", "it says that %s has %d decimals, and the registry says %d", e.Asset.ID, e.Asset.Decimals, t.Decimals)
			case known:
				e.Asset.Symbol, e.Asset.Decimals = t.Symbol, t.Decimals
			case e.Asset.Symbol == "":
				e.Asset.Decimals = -1
			}
		}
		for _, a := range []string{e.To, e.Owner} {
			if entry, ok := v.Book.At(r.Network, a); ok {
				it.Known[i] = entry.Name
			} else if it.Own[i] == "" {
				v.alike(r, a, seen)
			}
		}
		v.alike(r, e.Asset.ID[strings.LastIndexByte(e.Asset.ID, ':')+1:], seen)
	}
	for _, o := range r.Opaque {
		v.alike(r, o.To, seen)
	}
	return nil
}

// alike warns of an address that is none of the operators' and looks like one: of a
// destination, of a token's contract, or of what is called.
func (v *Reviewer) alike(r *chain.Review, address string, seen map[string]bool) {
	if seen[address] {
		return
	}
	seen[address] = true
	name, known := "", ""
	if e, ok := v.Book.Alike(r.Network, address); ok {
		name, known = e.Name, e.Address
	} else if t, ok := v.Tokens.Alike(r.Network, address); ok {
		name, known = t.Symbol, t.Asset
	}
	if name != "" {
		r.Warnings = append(r.Warnings, chain.Warning{Code: policy.LookAlike, Text: fmt.Sprintf("NOT %s: %s only looks like its address, %s", name, address, known)})
	}
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
	// A Taproot origin names only the x coordinate, which is claimed with even y.
	claimed, err := chain.NewPublicKey(ref.Curve, ref.Key)
	if err != nil {
		return nil, err
	}
	if k.Public().Even() != claimed.Even() {
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

// own finds the effects that pay a key of a wallet that also signs here, at a path
// where that wallet will look; or a multisig wallet that is spent from, at an address
// that derives from all of its keys. Any other effect is a spend, even to us.
//
// What goes to an account that this transaction creates never comes back for
// certain: its owner program, or whoever initialises it, decides. Where the
// codec has proven who controls an account, only that counts.
func (v *Reviewer) own(it *Item, keys []*keystore.Key, ch chain.Chain, s *spenders) []string {
	own := make([]string, len(it.Review.Effects))
	made := map[string]bool{}
	for _, e := range it.Review.Effects {
		made[e.To] = made[e.To] || e.Kind == chain.Create
	}
	paid := map[string][]int{} // effects by who controls what they pay to
	for j, e := range it.Review.Effects {
		switch {
		case made[e.To]:
		case e.Owner != "":
			paid[e.Owner] = append(paid[e.Owner], j)
		default:
			paid[e.To] = append(paid[e.To], j)
		}
	}
	for i, ref := range it.Request.Keys {
		for _, p := range s.places[i] {
			for _, j := range paid[p.Address] {
				if slices.Contains(s.ids, p.Wallet.String()) {
					own[j] = p.String()
				}
			}
		}
		if !s.payer(ref) {
			continue
		}
		for _, a := range v.addressesOf(ch, it.Network.ID, keys[i].Public(), len(ref.Path) > 0) {
			for _, j := range paid[a] {
				own[j] = describe(ref)
			}
		}
	}
	return own
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
