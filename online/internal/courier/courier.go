// Package courier carries bundles between the store and the air gap: pairing,
// the public keys that come in, the requests that go out, the receipts that come
// back.
//
//	dev, err := courier.LoadOrCreateDevice(home)
//	raw, err := courier.PairOut(dev)
//	words, confirm, err := courier.PairIn(ctx, s, dev, theirs, false)
//	report, err := courier.ImportKeys(ctx, s, dev, theirs)
//	out, err := courier.Export(ctx, s, dev, store.Selection{}, time.Time{})
//	report, err := courier.Import(ctx, s, dev, codecs, theirs)
//
// Another wallet can sign in the offline half's place. It needs no pairing, takes
// requests one at a time, and what counts of its answers are signatures alone:
//
//	request, err := courier.ExportForeign(ctx, s, codecs, id)
//	report, err := courier.ImportForeign(ctx, s, codecs, answers)
//
// It takes and gives the bytes of files; reading and writing them is the
// caller's. Keys and receipts share one sequence from the offline half.
package courier

import (
	"context"
	"crypto/ed25519"
	"strings"
	"time"

	"coldsign/online/internal/pending"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/hd"
)

// Codecs finds the chain of a network: the registry.
type Codecs interface {
	ByNetwork(chain.ID) (chain.Chain, chain.Network, bool)
}

// Report says what an incoming bundle did.
type Report struct {
	Sequence uint64          // 0 for answers of another wallet
	Repeat   bool            // imported before: nothing changed, Items say what it did then
	Items    []store.Outcome // of receipts or answers, in their order
	Wallets  int             // of keys
	Policies []string        // of receipts, in their order: the policy and rules that decided
	Waived   bundle.Waived   // what the offline half was told to overlook for any of the receipts
}

// Exported is an outgoing bundle.
type Exported struct {
	Raw      []byte
	Sequence uint64
	Repeat   bool // the bytes of an earlier export, since nothing new is pending
	Items    int
	Late     []bundle.ID // rows that can no longer make it, and were ended
}

// PairOut makes this half's pairing bundle. The same key gives the same bytes.
func PairOut(dev *Device) ([]byte, error) {
	item, err := bundle.EncodeItem(bundle.Device{Key: [32]byte(dev.Public()), Half: "online"})
	if err != nil {
		return nil, err
	}
	return bundle.Seal(bundle.Header{Kind: bundle.Pairing, Rehearsal: dev.rehearsal}, [][]byte{item}, dev)
}

// PairIn reads the offline half's pairing bundle and gives the six words that
// people compare on both screens. Nothing is stored before confirm is called. A
// rehearsal pairs with a rehearsal alone, and what is real with what is real
// (rehearsal.mark).
// When another offline half is paired already, it is pair.exists unless that one
// is to be replaced. What else pairing does, store.SetPeer says.
func PairIn(ctx context.Context, s *store.Store, dev *Device, raw []byte, replace bool) (words []string, confirm func(context.Context) error, err error) {
	b, theirs, err := bundle.OpenPairing(raw)
	if err != nil {
		return nil, nil, err
	}
	if err := b.Mark(dev.rehearsal); err != nil {
		return nil, nil, err
	}
	if err := testOnly(ctx, s, dev); err != nil {
		return nil, nil, err
	}
	if theirs.Half != "offline" {
		return nil, nil, fault.New("pair.half", "bring the pairing file that the offline half wrote", "this is the pairing of an %s half", theirs.Half)
	}
	pub := ed25519.PublicKey(theirs.Key[:])
	if pub.Equal(dev.Public()) {
		return nil, nil, fault.New("pair.half", "bring the pairing file that the offline half wrote", "both halves have the same device key")
	}
	old, ok, err := s.Peer(ctx)
	if err != nil {
		return nil, nil, err
	}
	if ok && !pub.Equal(old) && !replace {
		return nil, nil, fault.New("pair.exists", "if that one is lost, pair again and say that it is to be replaced",
			"this half is paired with device %s already", bundle.IDOf(old))
	}
	digest := bundle.PairingWords(dev.Public(), pub)
	return hd.Words(digest[:], 6), func(ctx context.Context) error { return s.SetPeer(ctx, pub, dev.Public(), replace) }, nil
}

// testOnly refuses a rehearsal that has come by a list with wallets of main networks.
func testOnly(ctx context.Context, s *store.Store, dev *Device) error {
	if !dev.rehearsal {
		return nil
	}
	list, err := s.Wallets(ctx)
	for _, w := range list {
		if err := dev.Takes(w.Wallet); err != nil {
			return err
		}
	}
	return err
}

// Takes refuses a rehearsal the wallets of main networks.
func (d *Device) Takes(w bundle.Wallet) error {
	if !d.rehearsal || w.Testnet {
		return nil
	}
	return fault.New("rehearsal.mainnet", "rehearse in a home of its own, with wallets of test networks", "wallet %s of a main network has no place in a rehearsal", w.SignatureID)
}

// ImportKeys takes the public keys of the offline half's wallets. A wallet that is
// known here with other keys stays as it is, and is the error (keys.conflict),
// also when the bundle is a repeat; the others are stored all the same, and the
// bundle has taken its place in the sequence, since the offline half goes on from
// it.
func ImportKeys(ctx context.Context, s *store.Store, dev *Device, raw []byte) (Report, error) {
	b, repeat, err := open(ctx, s, dev, raw, bundle.Keys)
	if err != nil {
		return Report{}, err
	}
	wallets := make([]bundle.Wallet, b.Len())
	for i := range wallets {
		if wallets[i], err = b.Wallet(i); err != nil {
			return Report{}, err
		}
		if err := dev.Takes(wallets[i]); err != nil {
			return Report{}, err
		}
	}
	r := Report{Sequence: b.Sequence, Repeat: repeat, Wallets: len(wallets)}
	if !repeat {
		r.Repeat, err = s.Import(ctx, raw, b.Header, b.Digest(), func(x *store.ImportTx) error {
			for i := range wallets {
				if err := x.PutWallets(wallets[i : i+1]); err != nil && !fault.Is(err, "keys.conflict") {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return Report{}, err
		}
	}
	conflicts, err := s.Conflicts(ctx, wallets)
	if err != nil {
		return Report{}, err
	}
	r.Wallets -= len(conflicts)
	if len(conflicts) > 0 {
		return r, conflicts[0]
	}
	return r, nil
}

// open opens an incoming bundle of the kind from the paired offline half to this
// device, and judges its place in the order. A repeat may have expired since.
func open(ctx context.Context, s *store.Store, dev *Device, raw []byte, kind bundle.Kind) (b *bundle.Bundle, repeat bool, err error) {
	p, err := paired(ctx, s, dev)
	if err != nil {
		return nil, false, err
	}
	if b, err = bundle.Open(raw, p.Peer); err != nil {
		return nil, false, err
	}
	if err := b.For(kind, bundle.IDOf(dev.Public())); err != nil {
		return nil, false, err
	}
	if err := b.Mark(dev.rehearsal); err != nil {
		return nil, false, err
	}
	verdict, err := s.Judge(ctx, raw, b.Header, b.Digest())
	if err != nil {
		return nil, false, err
	}
	if verdict == bundle.Repeat {
		return b, true, nil
	}
	return b, false, b.Fresh(s.Now())
}

// paired gives the pairing in force, which must be one of this device key.
func paired(ctx context.Context, s *store.Store, dev *Device) (store.Pairing, error) {
	p, ok, err := s.Pairing(ctx)
	switch {
	case err != nil:
		return p, err
	case !ok:
		return p, fault.New("pair.missing", "run pair on both machines first", "no offline half is paired")
	case !p.Own.Equal(dev.Public()):
		return p, fault.New("pair.device", "run pair on both machines again, on the offline one with --replace", "the device key of this half is not the one that was paired")
	}
	return p, nil
}

// Export makes the next bundle of requests, or gives the last one again: see
// store.Export. The offline half refuses it after expires; the zero time is
// never. The bytes are only given once the store has them on disk.
func Export(ctx context.Context, s *store.Store, dev *Device, sel store.Selection, expires time.Time) (Exported, error) {
	if _, err := paired(ctx, s, dev); err != nil {
		return Exported{}, err
	}
	h := bundle.Header{Kind: bundle.Requests, Rehearsal: dev.rehearsal}
	if !expires.IsZero() {
		h.Expires = expires.Unix()
	}
	var e Exported
	var err error
	if e.Late, err = s.Lapse(ctx); err != nil {
		return Exported{}, err
	}
	e.Raw, e.Sequence, e.Repeat, err = s.Export(ctx, sel, func(seq uint64, previous [32]byte, created int64, rows []pending.Transaction) ([]byte, error) {
		p, err := paired(ctx, s, dev) // again: this one is part of the transaction
		if err != nil {
			return nil, err
		}
		if h.Head, err = s.JournalHead(ctx); err != nil {
			return nil, err
		}
		h.Recipient, h.Sequence, h.Previous, h.Created = bundle.IDOf(p.Peer), seq, previous, created
		items := make([][]byte, len(rows))
		for i := range rows {
			items[i] = rows[i].Request
		}
		raw, err := bundle.Seal(h, items, dev)
		if err != nil {
			return nil, err
		}
		return raw, ours(raw, dev, rows)
	})
	if fault.Is(err, "export.empty") && len(e.Late) > 0 {
		return Exported{}, fault.New("export.empty", "quote them anew: coldsign-online requote "+names(e.Late), "there is nothing to export, and the deadlines of %d transactions have passed", len(e.Late))
	}
	if err != nil {
		return Exported{}, err
	}
	b, err := bundle.Open(e.Raw, dev.Public())
	if err != nil {
		return Exported{}, err
	}
	e.Items = b.Len()
	return e, nil
}

// names lists transactions, as many as fit into a line.
func names(ids []bundle.ID) string {
	const most = 20
	var list []string
	for _, id := range ids[:min(len(ids), most)] {
		list = append(list, id.String())
	}
	if len(ids) > most {
		list = append(list, "...")
	}
	return strings.Join(list, " ")
}

// ours reads a bundle that was just made as the offline half will: each item
// must be the request of its row.
func ours(raw []byte, dev *Device, rows []pending.Transaction) error {
	b, err := bundle.Open(raw, dev.Public())
	if err != nil {
		return err
	}
	for i := range rows {
		r, digest, err := b.Request(i)
		if err != nil {
			return err
		}
		if r.ID != rows[i].ID || r.Network != rows[i].Network || r.Deadline != rows[i].Deadline || digest != rows[i].Digest {
			return fault.New("export.item", "cancel it and submit it again; nothing was exported", "the request of transaction %s is not that of its row", rows[i].ID)
		}
	}
	return nil
}
