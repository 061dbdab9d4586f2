package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strings"

	"coldsign/offline/internal/dialect"
	"coldsign/offline/internal/journal"
	"coldsign/offline/internal/keystore"
	"coldsign/offline/internal/review"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/chain/bitcoin"
	"coldsign/shared/cli"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
	"coldsign/shared/quote"
)

// foreign is the request of a wallet that is not the paired half, as a batch is
// made of. Its ids follow from what is asked, so that the journal binds them as it
// binds those of the online half: what was refused once stays refused.
type foreign struct {
	asked   dialect.Request
	items   []bundle.Request
	digests [][32]byte
}

func (f *foreign) Len() int { return len(f.items) }

func (f *foreign) Request(i int) (bundle.Request, [32]byte, error) {
	return f.items[i], f.digests[i], nil
}

// Digest is SHA-256 over the digests of the requests.
func (f *foreign) Digest() [32]byte {
	h := sha256.New()
	io.WriteString(h, "coldsign foreign requests\x00")
	for _, d := range f.digests {
		h.Write(d[:])
	}
	return [32]byte(h.Sum(nil))
}

// wanted takes a bundle of the paired half, or another wallet's request.
func wanted(m frame.Message) error {
	if frame.IsBundle(m) == nil {
		return nil
	}
	return dialect.IsRequest(m)
}

// foreign reads another wallet's request and finds the keys that it is for.
func (s *session) foreign(m frame.Message) (*foreign, error) {
	r, err := dialect.ReadRequest(m)
	if err != nil {
		return nil, err
	}
	f := &foreign{asked: r}
	for _, a := range r.Asks {
		var req bundle.Request
		if a.Key == nil {
			req, err = s.psbt(a)
		} else {
			req, err = s.named(a)
		}
		if err != nil {
			return nil, err
		}
		item, err := bundle.EncodeItem(withID(req, [12]byte{1}))
		if err != nil {
			return nil, err
		}
		id := sha256.Sum256(append([]byte("coldsign foreign id\x00"), item...))
		req = withID(req, bundle.ID(id[:12]))
		if item, err = bundle.EncodeItem(req); err != nil {
			return nil, err
		}
		f.items, f.digests = append(f.items, req), append(f.digests, sha256.Sum256(item))
	}
	return f, nil
}

func withID(r bundle.Request, id bundle.ID) bundle.Request {
	r.ID = id
	return r
}

// networkFor gives the network of a chain that wallets of a kind are for: the one
// named by --network, else the first of the kind.
func (s *session) networkFor(name string, testnet bool) (chain.Network, error) {
	ch, _ := s.chain.ByName(name)
	for _, n := range ch.Networks {
		if n.Testnet == testnet && (s.opt.network == "" || s.opt.network == n.Name || s.opt.network == string(n.ID)) {
			return n, nil
		}
	}
	return chain.Network{}, fault.New("network.unknown", "give another --network, or none", "%s has no such network for this wallet: %q", name, s.opt.network)
}

// found is a key of this keystore that a request names.
type found struct {
	info keystore.Info
	path []uint32
	key  chain.PublicKey
}

func (f found) ref(sign bool) bundle.KeyRef {
	return bundle.KeyRef{SignatureID: f.info.ID, Path: f.path, Curve: f.key.Curve(), Key: f.key.Bytes(), Sign: sign}
}

// named makes the request of a form that says which key shall sign.
func (s *session) named(a dialect.Ask) (bundle.Request, error) {
	name := a.Chain
	if a.Network != "" {
		ch, _, ok := s.chain.ByNetwork(a.Network)
		if !ok {
			return bundle.Request{}, fault.New("network.unknown", "", "network %q is not in the list", a.Network)
		}
		name = ch.Name
	}
	for _, info := range s.ks.List() {
		if info.Chain != name {
			continue
		}
		n, err := s.networkFor(name, info.Testnet)
		if a.Network != "" {
			_, n, _ = s.chain.ByNetwork(a.Network)
			err = nil
		}
		if err != nil || n.Testnet != info.Testnet {
			continue
		}
		if k, ok := s.holds(info, *a.Key, n.ID); ok {
			return bundle.Request{Network: n.ID, Keys: []bundle.KeyRef{k.ref(true)}, Payload: a.Payload}, nil
		}
	}
	return bundle.Request{}, fault.New("wallet.none", "check that it watches a wallet of this keystore: \"coldsign-offline keys export --id ID --format ur\"",
		"no %s wallet here has the key %s that is asked for", name, chain.PathString(a.Key.Path))
}

// holds finds a key in a wallet: by the master key's fingerprint and the path, or
// by its address; whatever the request tells must fit.
func (s *session) holds(info keystore.Info, k dialect.Key, n chain.ID) (found, bool) {
	path := k.Path
	if info.Mnemonic && k.Fingerprint != [4]byte{} {
		p, err := s.ks.Public(info.ID)
		if err != nil {
			return found{}, false
		}
		if fp, err := p.Master(); err != nil || fp != k.Fingerprint {
			return found{}, false
		}
	}
	if !info.Mnemonic {
		path = nil
	}
	key, err := s.ks.Key(info.ID, path)
	if err != nil {
		return found{}, false
	}
	if k.Address == "" {
		return found{info, path, key.Public()}, info.Mnemonic && k.Fingerprint != [4]byte{}
	}
	ch, _ := s.chain.ByName(info.Chain)
	ours := slices.ContainsFunc(ch.Wallet.Addresses(n, key.Public(), info.Mnemonic), func(a string) bool { return strings.EqualFold(a, k.Address) })
	return found{info, path, key.Public()}, ours
}

// psbt makes the request of a PSBT, whose origins name keys of inputs and outputs.
func (s *session) psbt(a dialect.Ask) (bundle.Request, error) {
	origins, err := bitcoin.PayloadOrigins(a.Payload)
	if err != nil {
		return bundle.Request{}, err
	}
	var last error = fault.New("wallet.none", "check that it watches a wallet of this keystore: \"coldsign-offline keys export --id ID --format ur\"",
		"no Bitcoin wallet here has a key that the PSBT names")
	for _, testnet := range []bool{false, true} {
		keys := s.origins(origins, testnet)
		if len(keys) == 0 {
			continue
		}
		n, err := s.networkFor("BTC", testnet)
		if err != nil {
			last = err
			continue
		}
		r := bundle.Request{Network: n.ID, Payload: a.Payload}
		candidates := make([]chain.PublicKey, len(keys))
		for i, k := range keys {
			candidates[i] = k.key
		}
		sign, err := bitcoin.MatchPartial(a.Payload, candidates)
		if err != nil {
			last = err
			continue
		}
		for _, key := range sign {
			i := slices.Index(candidates, key)
			r.Keys = append(r.Keys, keys[i].ref(true))
		}
		for i, key := range candidates {
			if !slices.Contains(sign, key) && len(r.Keys) < bundle.MaxKeys {
				r.Keys = append(r.Keys, keys[i].ref(false))
			}
		}
		return r, nil
	}
	return bundle.Request{}, last
}

// origins finds the keys of our wallets that a PSBT names, each once.
func (s *session) origins(origins []chain.Origin, testnet bool) (keys []found) {
	for _, info := range s.ks.List() {
		if info.Chain != "BTC" || info.Testnet != testnet {
			continue
		}
		if !info.Mnemonic {
			if k, err := s.ks.Key(info.ID, nil); err == nil {
				keys = append(keys, found{info, nil, k.Public()})
			}
			continue
		}
		p, err := s.ks.Public(info.ID)
		if err != nil {
			continue
		}
		fp, err := p.Master()
		if err != nil {
			continue
		}
		for _, o := range origins {
			if o.Fingerprint != fp || len(o.Path) == 0 {
				continue
			}
			key, err := s.ks.Key(info.ID, o.Path)
			same := func(f found) bool { return f.key == key.Public() }
			if err == nil && key.Public().Even() == o.Key.Even() && !slices.ContainsFunc(keys, same) {
				keys = append(keys, found{info, o.Path, key.Public()})
			}
		}
	}
	return keys
}

// explain makes the batch of another wallet's request.
func (s *session) explain(f *foreign) (*review.Batch, error) {
	r, err := s.reviewer()
	if err != nil {
		return nil, err
	}
	r.Partial = true
	batch, err := r.Batch(f)
	if err == nil {
		batch.From = f.asked.Form
		if f.asked.From != "" {
			batch.From += " of " + quote.String(f.asked.From)
		}
	}
	return batch, err
}

// reviewForeign shows what another wallet asks.
func (s *session) reviewForeign(m frame.Message) error {
	f, err := s.foreign(m)
	if err != nil {
		return err
	}
	batch, err := s.explain(f)
	if err == nil {
		err = s.refuseFirst(batch)
	}
	if err != nil {
		return err
	}
	return s.showFirst(batch, false)
}

// signForeign decides on another wallet's request, under the same policy and
// journal, and answers in its own form.
func (s *session) signForeign(m frame.Message) error {
	f, err := s.foreign(m)
	if err != nil {
		return err
	}
	if err := s.opt.Writable(); err != nil {
		return err
	}
	batch, err := s.explain(f)
	if err != nil {
		return err
	}
	shown, a, err := s.approvalOf(batch)
	if err != nil {
		return err
	}
	repeat := !slices.ContainsFunc(batch.Items, func(it review.Item) bool { return !it.Repeat })
	digest := hex.EncodeToString(batch.Digest[:])
	switch {
	case !repeat:
		err = s.approve(batch, shown)
	case s.opt.approve != "" && !strings.EqualFold(s.opt.approve, digest):
		err = fault.New("approve.digest", "review the request and give its digest", "the digest given is not that of this request, %s", digest)
	}
	if err != nil {
		return err
	}
	if err := s.still(batch, a); err != nil {
		return err
	}
	receipts := batch.Sign(s.waived)
	signing := s.decisions(batch, receipts)
	if !repeat {
		if _, err := s.record(journal.Entry{Kind: journal.Foreign, Text: f.asked.Form, Sign: signing, Approved: approvers(a)}); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(receipts, func(r bundle.Receipt) bool { return r.Status == bundle.Signed }) {
		return fault.New("sign.refused", "tell who asked: this form has no answer for it", "no request was signed: %s: %s", receipts[0].Code, receipts[0].Reason)
	}
	answer, err := f.answer(s, receipts)
	if err != nil {
		return err
	}
	if err := s.sendMessage(answer); err != nil {
		return err
	}
	return s.told(signing, repeat)
}

// answer puts the signatures into the form that was asked for.
func (f *foreign) answer(s *session, receipts []bundle.Receipt) (frame.Message, error) {
	signed := make([]dialect.Signed, len(receipts))
	for i, r := range receipts {
		switch {
		case r.Status != bundle.Signed:
		case f.asked.Asks[i].Key != nil:
			signed[i].Signature = r.Signatures[0]
		default:
			raw, err := s.filled(f.items[i], r.Signatures)
			if err != nil {
				return frame.Message{}, err
			}
			signed[i].PSBT = raw
		}
	}
	return f.asked.Answer(signed)
}

// filled is the PSBT of a request with signatures in it.
func (s *session) filled(r bundle.Request, signatures [][]byte) ([]byte, error) {
	u, err := r.Unsigned()
	if err != nil {
		return nil, err
	}
	u.Partial = true
	tx, err := bitcoin.New().Decode(u)
	if err != nil {
		return nil, err
	}
	sigs := make([]chain.Signature, len(signatures))
	for i, w := range tx.ToSign() {
		sigs[i] = chain.Signature{Key: w.Key, Scheme: w.Scheme, Bytes: signatures[i]}
	}
	return bitcoin.Partial(u, sigs)
}

// keysForeign tells another wallet the public keys of one of ours.
func (a *app) keysForeign() error {
	id, err := bundle.ParseSignatureID(a.opt.id)
	if err != nil {
		return err
	}
	if a.opt.Format != "" && a.opt.Format != string(frame.UR) {
		return cli.Usagef("other wallets read keys as --format ur")
	}
	return a.with(func(s *session) error {
		info, err := s.ks.Find(id)
		if err != nil {
			return err
		}
		k, err := s.ks.Public(id)
		if err != nil {
			return err
		}
		ch, _ := s.chain.ByName(info.Chain)
		m, err := dialect.Keys(s.opt.kind, dialect.Wallet{
			Chain: info.Chain, Testnet: info.Testnet, Derivation: ch.Wallet.Derivation(), Name: "coldsign",
		}, k)
		if err != nil {
			return err
		}
		if _, err := s.record(journal.Entry{Kind: journal.Wallet, Text: "keys " + id.String() + " " + m.Type}); err != nil {
			return err
		}
		fp, err := k.Master()
		if err != nil {
			return err
		}
		if err := s.sendMessage(m); err != nil || s.opt.Printed() {
			return err
		}
		return s.say(map[string]any{"out": s.opt.Where(), "type": m.Type, "fingerprint": hex.EncodeToString(fp[:])},
			"public keys of wallet %s as %s, master key %x\n", id, m.Type, fp)
	})
}
