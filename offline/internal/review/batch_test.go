package review

import (
	"bytes"
	"math/big"
	"strings"
	"testing"

	"coldsign/offline/internal/journal"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
)

func btcPath(branch, index uint32) []uint32 { return []uint32{44 | h, 1 | h, 0 | h, branch, index} }

// Change is what the keystore derives for a wallet that pays here, near the key
// that signs; everything else leaves.
func TestChange(t *testing.T) {
	signer := ref(t, btc, true, btcPath(0, 0)...)
	change := ref(t, btc, false, btcPath(1, 3)...)
	far := ref(t, btc, false, btcPath(1, h-1)...)
	gap := ref(t, btc, false, btcPath(1, 1_000_000)...)
	account := ref(t, btc, false, 44|h, 1|h, 9|h, 1, 3)
	purpose := ref(t, btc, false, 84|h, 1|h, 0|h, 1, 3)
	foreign := ref(t, btc2, false, btcPath(1, 3)...)
	single := ref(t, btcKey, false)
	lonely := ref(t, btcKey, true)
	for _, c := range []struct {
		name   string
		script []byte
		refs   []bundle.KeyRef
		own    bool
	}{
		{"change branch of the payer", pays(change.Key), []bundle.KeyRef{signer, change}, true},
		{"back to the paying key", pays(signer.Key), []bundle.KeyRef{signer}, true},
		{"our key is not named", pays(change.Key), []bundle.KeyRef{signer}, false},
		{"foreign script with our key claimed", stranger, []bundle.KeyRef{signer, change}, false},
		{"index 2^31-1", pays(far.Key), []bundle.KeyRef{signer, far}, false},
		{"gap of a million", pays(gap.Key), []bundle.KeyRef{signer, gap}, false},
		{"other account", pays(account.Key), []bundle.KeyRef{signer, account}, false},
		{"mixed purpose", pays(purpose.Key), []bundle.KeyRef{signer, purpose}, false},
		{"another wallet of ours", pays(foreign.Key), []bundle.KeyRef{signer, foreign}, false},
		{"a single key of ours", pays(single.Key), []bundle.KeyRef{signer, single}, false},
		{"single key to itself", pays(lonely.Key), []bundle.KeyRef{lonely}, true},
		{"single key to a mnemonic of ours", pays(change.Key), []bundle.KeyRef{lonely, change}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := explain(t, psbt(t, 100_000, []output{{Amount: 60_000, Script: stranger}, {Amount: 39_000, Script: c.script}}, c.refs...))
			it := &b.Items[0]
			if !it.Verdict.Allow {
				t.Fatalf("refused: %+v", it.Verdict)
			}
			if it.Own[0] != "" || (it.Own[1] != "") != c.own {
				t.Fatalf("own %q", it.Own)
			}
			if c.own && !strings.HasPrefix(it.Own[1], c.refs[0].SignatureID.String()) {
				t.Errorf("change of wallet %s", it.Own[1])
			}
			leaves, back := int64(60_000), int64(39_000)
			if !c.own {
				leaves, back = 99_000, 0
			}
			tot := b.Totals()
			if len(tot) != 1 || tot[0].Leaves.Int64() != leaves || tot[0].Back.Int64() != back || tot[0].Fee.Int64() != 1000 {
				t.Errorf("totals %+v", tot)
			}
		})
	}
}

// Whatever an item claims wrongly, it is refused with its code, shows no
// signature, and the batch goes on.
func TestRefusedItems(t *testing.T) {
	signer := ref(t, btc, true, btcPath(0, 0)...)
	out := []output{{Amount: 99_000, Script: stranger}}
	good := func() bundle.Request { return psbt(t, 100_000, out, signer) }
	edit := func(f func(r *bundle.Request)) bundle.Request {
		r := good()
		r.Keys = append([]bundle.KeyRef{}, r.Keys...)
		f(&r)
		return r
	}
	e := ref(t, eth, true, tethPth...)
	real := ref(t, ethReal, true, ethPath...)
	wei := big.NewInt(1e17)
	for _, c := range []struct {
		name, code string
		req        bundle.Request
		l          ledger
	}{
		{"unknown network", "network.unknown", edit(func(r *bundle.Request) { r.Network = "bip122:ffffffffffffffffffffffffffffffff" }), nil},
		{"unknown wallet", "wallet.missing", edit(func(r *bundle.Request) { r.Keys[0].SignatureID = sid(99) }), nil},
		{"another key claimed", "request.key", edit(func(r *bundle.Request) { r.Keys[0].Key = ref(t, btc, true, btcPath(0, 1)...).Key }), nil},
		{"path of another key", "request.key", edit(func(r *bundle.Request) { r.Keys[0].Path = btcPath(0, 1) }), nil},
		{"wallet of another key", "request.key", edit(func(r *bundle.Request) { r.Keys[0].SignatureID = btc2 }), nil},
		{"mainnet path", "key.path", edit(func(r *bundle.Request) { r.Keys[0].Path = []uint32{44 | h, 0 | h, 0 | h, 0, 0} }), nil},
		{"no path for a mnemonic", "key.path", edit(func(r *bundle.Request) { r.Keys[0].Path = nil }), nil},
		{"a path for a single key", "key.path", edit(func(r *bundle.Request) { r.Keys[0] = ref(t, btcKey, true); r.Keys[0].Path = btcPath(0, 0) }), nil},
		{"a bad key that does not sign", "request.key", edit(func(r *bundle.Request) {
			k := ref(t, btc, false, btcPath(1, 0)...)
			k.Path = btcPath(1, 1)
			r.Keys = append(r.Keys, k)
		}), nil},
		{"test wallet on mainnet", "wallet.network", edit(func(r *bundle.Request) { r.Network = btcMain }), nil},
		{"main wallet on a test network", "wallet.network", edit(func(r *bundle.Request) { r.Keys[0] = ref(t, btcReal, true, 44|h, 0|h, 0|h, 0, 0) }), nil},
		{"Ethereum test wallet on mainnet", "wallet.network", ether(t, ethMain, friend, wei, nil, e), nil},
		{"Ethereum main wallet on sepolia", "wallet.network", ether(t, sepolia, friend, wei, nil, real), nil},
		{"Bitcoin wallet for Ethereum", "wallet.network", ether(t, sepolia, friend, wei, nil, signer), nil},
		{"garbage", "", edit(func(r *bundle.Request) { r.Payload = []byte{0xff} }), nil},
		{"trailing byte", "", edit(func(r *bundle.Request) { r.Payload = append(r.Payload, 0) }), nil},
		{"deadline passed", "request.expired", edit(func(r *bundle.Request) { r.Deadline = created + 59 }), nil},
		{"unexplained call", "policy.opaque", ether(t, sepolia, friend, wei, []byte{1, 2, 3, 4}, e), nil},
		{"fee above the share", "policy.fee-percent", psbt(t, 100_000, []output{{Amount: 90_000, Script: stranger}}, signer), nil},
		{"bound to other content", "journal.conflict", good(), ledger{good().ID: {ID: good().ID, Digest: [32]byte{1}, Status: bundle.Signed}}},
		{"refused before, other content", "journal.conflict", good(), ledger{good().ID: {ID: good().ID, Digest: [32]byte{1}, Status: bundle.Refused}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fine := lamports(t, 5_000_000, ref(t, sol, true, solPath(t)...))
			b, err := reviewer(t, "strict", c.l).Batch(carried(t, c.req, fine))
			if err != nil {
				t.Fatal(err)
			}
			it := &b.Items[0]
			if it.Verdict.Allow || it.Repeat || it.Verdict.Rule == "" || it.Verdict.Reason == "" || c.code != "" && it.Verdict.Code != c.code {
				t.Fatalf("%+v, want code %s", it.Verdict, c.code)
			}
			r := b.Sign(0)
			status := bundle.Refused
			if it.Verdict.Later {
				status = bundle.Deferred
			}
			if it.Verdict.Later != (c.code == "wallet.missing" || c.code == "request.expired") {
				t.Errorf("put off: %v", it.Verdict.Later)
			}
			if r[0].Status != status || len(r[0].Signatures) != 0 || r[0].Code != it.Verdict.Code || r[0].Digest != it.Digest || r[0].ID != c.req.ID {
				t.Errorf("receipt %+v", r[0])
			}
			if r[1].Status != bundle.Signed || len(r[1].Signatures) != 1 {
				t.Errorf("the request beside it: %+v", r[1])
			}
			for _, receipt := range r {
				if _, err := bundle.EncodeItem(receipt); err != nil {
					t.Errorf("the receipt cannot be sent: %v", err)
				}
			}
			if n, m := b.Counts(); n != 1 || m != 1 || len(b.Totals()) != 1 {
				t.Errorf("%d to sign, %d refused, %d totals", n, m, len(b.Totals()))
			}
		})
	}
}

func TestDeadlineEdge(t *testing.T) {
	r := lamports(t, 5_000_000, ref(t, sol, true, solPath(t)...))
	r.Deadline = created + 60 // now
	if b := explain(t, r); !b.Items[0].Verdict.Allow {
		t.Errorf("at its deadline: %+v", b.Items[0].Verdict)
	}
}

func TestATT46DuplicateIDs(t *testing.T) {
	signer := ref(t, sol, true, solPath(t)...)
	a, b := lamports(t, 1, signer), lamports(t, 2, signer)
	if _, err := reviewer(t, "strict", nil).Batch(carried(t, a, b)); !fault.Is(err, "bundle.item") {
		t.Errorf("%v", err)
	}
}

// What was decided once is given again, whatever the policy or the clock say.
func TestATT44ATT45Repeat(t *testing.T) {
	r := ether(t, sepolia, friend, big.NewInt(1e17), []byte{1, 2, 3, 4}, ref(t, eth, true, tethPth...))
	r.Deadline = created + 1
	first, err := reviewer(t, "compat", nil).Batch(carried(t, r))
	if err != nil {
		t.Fatal(err)
	}
	first.Items[0].Verdict.Allow = true // it was in time then
	signed := first.Sign(0)[0]
	if signed.Status != bundle.Signed {
		t.Fatalf("%+v", signed)
	}
	digest := first.Items[0].Digest
	for _, c := range []struct {
		old  journal.Decision
		want bundle.Status
		code string
	}{
		{journal.Decision{Status: bundle.Signed}, bundle.Signed, ""},
		{journal.Decision{Status: bundle.Refused, Code: "operator.refused", Reason: "no"}, bundle.Refused, "operator.refused"},
		{journal.Decision{Status: bundle.Deferred, Code: "bundle.expired", Reason: "late"}, bundle.Refused, "policy.opaque"},
	} {
		c.old.ID, c.old.Digest = r.ID, digest
		b, err := reviewer(t, "strict", ledger{r.ID: c.old}).Batch(carried(t, r))
		if err != nil {
			t.Fatal(err)
		}
		got := b.Sign(0)[0]
		if b.Items[0].Repeat != (c.old.Status != bundle.Deferred) || got.Status != c.want || got.Code != c.code {
			t.Errorf("after %v: repeat %v, %+v", c.old.Status, b.Items[0].Repeat, got)
		}
		if c.want == bundle.Signed && string(got.Signatures[0]) != string(signed.Signatures[0]) {
			t.Error("another signature than the first time")
		}
		if b.Items[0].Refuse() == b.Items[0].Repeat {
			t.Error("a decision of before was turned")
		}
	}
}

func TestOperatorRefuses(t *testing.T) {
	b := explain(t, lamports(t, 5, ref(t, sol, true, solPath(t)...)))
	if !b.Items[0].Refuse() {
		t.Fatal("not refused")
	}
	if r := b.Sign(0)[0]; r.Status != bundle.Refused || r.Code != "operator.refused" {
		t.Errorf("%+v", r)
	}
	if b.Totals() != nil {
		t.Error("a refused request is in the totals")
	}
}

// 500 requests of three chains: the totals are those of a sum made by hand, and
// every one is signed.
func TestATT36Totals(t *testing.T) {
	s, e, k := ref(t, sol, true, solPath(t)...), ref(t, eth, true, tethPth...), ref(t, btc, true, btcPath(0, 0)...)
	change := ref(t, btc, false, btcPath(1, 0)...)
	var reqs []bundle.Request
	want := map[string]*[3]*big.Int{}
	sum := func(asset string, leaves, back, fee *big.Int) {
		if want[asset] == nil {
			want[asset] = &[3]*big.Int{new(big.Int), new(big.Int), new(big.Int)}
		}
		for i, n := range []*big.Int{leaves, back, fee} {
			want[asset][i].Add(want[asset][i], n)
		}
	}
	zero := new(big.Int)
	for i := range int64(500) {
		var r bundle.Request
		switch i % 5 {
		case 0:
			r = lamports(t, uint64(1_000_000+i), s)
			sum(string(r.Network), big.NewInt(1_000_000+i), zero, big.NewInt(5000))
		case 1:
			v := new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 80), big.NewInt(i)) // beyond 64 bits
			r = ether(t, sepolia, friend, v, nil, e)
			sum(string(sepolia), v, zero, big.NewInt(60_000*30e9))
		case 2:
			r = ether(t, sepolia, usdt, zero, transfer(t, friend, 1000+i), e)
			sum(string(sepolia)+"/erc20:"+strings.ToLower(usdt), big.NewInt(1000+i), zero, zero)
			sum(string(sepolia), zero, zero, big.NewInt(60_000*30e9))
		case 3:
			r = psbt(t, 1_000_000+i, []output{{Amount: 600_000, Script: stranger}, {Amount: 399_000, Script: pays(change.Key)}}, k, change)
			sum(string(regtest), big.NewInt(600_000), big.NewInt(399_000), big.NewInt(1000+i))
		case 4: // refused: counts for nothing
			r = ether(t, ethMain, friend, big.NewInt(7), nil, e)
		}
		r.ID = bundle.ID{0xaa, byte(i >> 8), byte(i)}
		reqs = append(reqs, r)
	}
	b := explain(t, reqs...)
	got := b.Totals()
	if sign, refuse := b.Counts(); sign != 400 || refuse != 100 || len(got) != len(want) {
		t.Fatalf("%d to sign, %d refused, %d totals, want %d", sign, refuse, len(got), len(want))
	}
	for _, x := range got {
		w := want[x.Asset.ID]
		if w == nil {
			w = want[strings.ToLower(x.Asset.ID)]
		}
		if w == nil || x.Leaves.Cmp(w[0]) != 0 || x.Back.Cmp(w[1]) != 0 || x.Fee.Cmp(w[2]) != 0 {
			t.Errorf("%s: leaves %s, back %s, fee %s; want %v", x.Asset.ID, x.Leaves, x.Back, x.Fee, w)
		}
	}
	for i, r := range b.Sign(0) {
		if (r.Status == bundle.Signed) != (i%5 != 4) || r.ID != reqs[i].ID || r.Digest != b.Items[i].Digest {
			t.Fatalf("receipt %d: %+v", i, r)
		}
		if one := b.Items[i].Sign(); one.Status != r.Status || len(one.Signatures) != len(r.Signatures) ||
			len(r.Signatures) > 0 && string(one.Signatures[0]) != string(r.Signatures[0]) {
			t.Fatalf("receipt %d: signed alone it differs", i)
		}
	}
}

// A worker's panic reaches the caller, who can recover it.
func TestParallel(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 1000} {
		hits := make([]int, n)
		Parallel(n, 64, func(i int) { hits[i]++ })
		for i, x := range hits {
			if x != 1 {
				t.Fatalf("%d of %d was done %d times", i, n, x)
			}
		}
	}
	defer func() {
		if p := recover(); p == nil || strings.Contains(p.(string), "secret") {
			t.Errorf("panic %v", p)
		}
	}()
	Parallel(1000, 64, func(i int) {
		if i == 700 {
			panic("secret")
		}
	})
	t.Error("the panic was swallowed")
}

// A codec that panics spoils the one request, not the batch.
func TestCodecPanics(t *testing.T) {
	v := reviewer(t, "strict", nil)
	v.Networks = panicking{}
	bad := lamports(t, 5, ref(t, sol, true, solPath(t)...))
	fine := ether(t, sepolia, friend, big.NewInt(1e17), nil, ref(t, eth, true, tethPth...))
	b, err := v.Batch(carried(t, bad, fine))
	if err != nil {
		t.Fatal(err)
	}
	if c := b.Items[0].Verdict; c.Allow || c.Later || c.Code != "request.unreadable" || strings.Contains(c.Reason, "secret") {
		t.Errorf("%+v", c)
	}
	r := b.Sign(0)
	if r[0].Status != bundle.Refused || r[1].Status != bundle.Signed {
		t.Errorf("%v, %v", r[0].Status, r[1].Status)
	}
	var w bytes.Buffer
	if err := b.Print(&w); err != nil || !strings.Contains(w.String(), "!! REFUSED  request.unreadable: ") {
		t.Errorf("%v\n%s", err, w.String())
	}
}

// panicking breaks on Solana.
type panicking struct{}

func (panicking) ByNetwork(id chain.ID) (chain.Chain, chain.Network, bool) {
	ch, n, ok := reg.ByNetwork(id)
	if ch.Name == "SOL" {
		ch.Codec = breaks{}
	}
	return ch, n, ok
}

type breaks struct{}

func (breaks) Networks() []chain.ID                    { return nil }
func (breaks) Decode(chain.Unsigned) (chain.Tx, error) { panic("secret") }

// A signature is out and the wallet is gone: the request is neither refused, by
// us or by the operator, nor signed.
func TestSignedBeforeButNotNow(t *testing.T) {
	r := lamports(t, 5, ref(t, sol, true, solPath(t)...))
	digest := explain(t, r).Items[0].Digest
	v := reviewer(t, "strict", ledger{r.ID: {ID: r.ID, Digest: digest, Status: bundle.Signed}})
	v.Networks = panicking{}
	b, err := v.Batch(carried(t, r))
	if err != nil {
		t.Fatal(err)
	}
	if b.Items[0].Refuse() {
		t.Error("the operator turned what was signed before")
	}
	if got := b.Sign(0)[0]; got.Status != bundle.Deferred || len(got.Signatures) != 0 {
		t.Errorf("%+v", got)
	}
	// Other content under the same id is a conflict, readable or not.
	v.Ledger = ledger{r.ID: {ID: r.ID, Digest: [32]byte{1}, Status: bundle.Signed}}
	if b, err = v.Batch(carried(t, r)); err != nil || b.Items[0].Verdict.Code != "journal.conflict" || b.Items[0].Verdict.Later {
		t.Errorf("%v %+v", err, b.Items[0].Verdict)
	}
}

// What is put off can still be refused by the operator.
func TestRefusePutOff(t *testing.T) {
	b := explain(t, lamports(t, 5, ref(t, sol, true, solPath(t)...)))
	b.Defer("bundle.expired", "late")
	if !b.Undecided() || b.Sign(0)[0].Status != bundle.Deferred {
		t.Error("not put off")
	}
	if !b.Items[0].Refuse() || b.Undecided() {
		t.Fatal("not refused")
	}
	if r := b.Sign(0)[0]; r.Status != bundle.Refused || r.Code != "operator.refused" {
		t.Errorf("%+v", r)
	}
}

// A bundle that expired answers what was decided before as it was answered then,
// byte for byte, and decides nothing else.
func TestExpiredRepeats(t *testing.T) {
	k := ref(t, sol, true, solPath(t)...)
	var reqs []bundle.Request
	for i := range byte(5) {
		r := lamports(t, 1_000_000+uint64(i), k)
		r.ID = bundle.ID{0xde, i}
		reqs = append(reqs, r)
	}
	first := explain(t, reqs...)
	signed := first.Sign(0)
	l := ledger{}
	for i, d := range []journal.Decision{
		{Status: bundle.Signed},
		{Status: bundle.Refused, Code: "operator.refused", Reason: "no"},
		{Status: bundle.Deferred, Code: "bundle.expired", Reason: "late"},
		{Status: bundle.Signed},
	} {
		d.ID, d.Digest = reqs[i].ID, first.Items[i].Digest
		l[d.ID] = d
	}
	b, err := reviewer(t, "strict", l).Batch(carried(t, reqs...))
	if err != nil {
		t.Fatal(err)
	}
	b.Defer("bundle.expired", "too late")
	if b.Undecided() {
		t.Error("all is put off, what was signed before too")
	}
	if n, m := b.Counts(); n != 2 || m != 3 {
		t.Errorf("%d to sign and %d not", n, m)
	}
	got := b.Sign(0)
	for _, i := range []int{0, 3} {
		it := &b.Items[i]
		if !it.Repeat || !it.Verdict.Allow || it.Verdict.Later {
			t.Errorf("request %d: repeat %v, %+v", i, it.Repeat, it.Verdict)
		}
		if r := got[i]; r.Status != bundle.Signed || r.Digest != signed[i].Digest || len(r.Signatures) != 1 || !bytes.Equal(r.Signatures[0], signed[i].Signatures[0]) {
			t.Errorf("request %d, signed before: %+v", i, r)
		}
	}
	if r := got[1]; !b.Items[1].Repeat || r.Status != bundle.Refused || r.Code != "operator.refused" || r.Reason != "no" || len(r.Signatures) != 0 {
		t.Errorf("refused before: %+v", r)
	}
	for _, i := range []int{2, 4} {
		if r := got[i]; b.Items[i].Repeat || r.Status != bundle.Deferred || r.Code != "bundle.expired" || r.Reason != "too late" || len(r.Signatures) != 0 {
			t.Errorf("request %d, never decided: %+v", i, r)
		}
	}
}
