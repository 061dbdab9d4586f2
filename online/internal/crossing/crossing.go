// Package crossing is what goes over the air gap and what comes back, whatever
// carries it: files, codes on a terminal and the desk's pages use it alike.
//
//	h := crossing.Half{Store: s, Device: dev, Chains: registry.New()}
//	m, err := h.Ask(ctx, ids, nil)        // for another wallet, in the form that it scans
//	k, err := h.TakeKeys(ctx, m, nothing) // public keys, of the paired half or another wallet
//	r, err := h.TakeAnswers(ctx, m)       // receipts, or another wallet's signatures
package crossing

import (
	"context"
	"slices"

	"coldsign/online/internal/courier"
	"coldsign/online/internal/dialect"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
)

// Chains finds chains: the registry.
type Chains interface {
	ByName(string) (chain.Chain, bool)
	ByNetwork(chain.ID) (chain.Chain, chain.Network, bool)
}

// Half is the online half as far as bundles go.
type Half struct {
	Store  *store.Store
	Device *courier.Device
	Chains Chains
}

// IsKeys takes the paired half's keys, or those that another wallet shows.
func IsKeys(m frame.Message) error {
	if m.Format == frame.Native || frame.IsBundle(m) == nil {
		return nil
	}
	return dialect.IsKeys(m)
}

// IsAnswer takes the paired half's receipts, or another wallet's signatures.
func IsAnswer(m frame.Message) error {
	if frame.IsBundle(m) == nil {
		return nil
	}
	return dialect.IsAnswer(m)
}

// Foreign reports whether the transactions are of another wallet; all or none must
// be.
func (h Half) Foreign(ctx context.Context, ids []bundle.ID) (bool, error) {
	n := 0
	for _, id := range ids {
		row, err := h.Store.Get(ctx, store.Any, id)
		if err != nil {
			return false, err
		}
		if row.Signer != "" {
			n++
		}
	}
	if n > 0 && n < len(ids) {
		return false, fault.New("export.state", "export them apart", "some of the transactions are signed by another wallet, some by the offline half")
	}
	return n > 0, nil
}

// Ask marks transactions as shown to another wallet, and gives what that scans, in
// the order of ids: a device shows nonces one after the other. Only what has a form
// to go out in, and a place to go to, which ready says if it is not nil, is marked.
func (h Half) Ask(ctx context.Context, ids []bundle.ID, format frame.Format, ready func() error) (m frame.Message, items int, err error) {
	var once []bundle.ID
	for _, id := range ids {
		if !slices.Contains(once, id) {
			once = append(once, id)
		}
	}
	_, err = courier.ExportForeignBatch(ctx, h.Store, h.Chains, once, func(list []bundle.Request) (err error) {
		if m, err = h.form(ctx, list, format); err == nil && ready != nil {
			err = ready()
		}
		return err
	})
	return m, len(once), err
}

// form writes requests in the form that another wallet reads.
func (h Half) form(ctx context.Context, list []bundle.Request, format frame.Format) (frame.Message, error) {
	asks := make([]dialect.Request, len(list))
	for i, r := range list {
		asks[i].Request = r
		if ch, _, ok := h.Chains.ByNetwork(r.Network); ok {
			asks[i].Chain = ch.Name
		}
		if len(r.Keys) == 0 {
			continue
		}
		w, _, err := h.Store.Wallet(ctx, r.Keys[0].SignatureID)
		if err != nil {
			return frame.Message{}, err
		}
		asks[i].Fingerprint = w.Fingerprint
	}
	m, err := dialect.Ask(asks)
	if err == nil && format != "" {
		m, err = m.As(format)
	}
	return m, err
}

// TakeAnswers takes what was signed: the receipts of the paired half, or the
// signatures of another wallet.
func (h Half) TakeAnswers(ctx context.Context, m frame.Message) (courier.Report, error) {
	if frame.IsBundle(m) != nil {
		answers, err := dialect.Answers(m)
		if err != nil {
			return courier.Report{}, err
		}
		return courier.ImportForeign(ctx, h.Store, h.Chains, answers)
	}
	raw, err := m.Bundle()
	if err != nil {
		return courier.Report{}, err
	}
	return courier.Import(ctx, h.Store, h.Device, h.Chains, raw)
}
