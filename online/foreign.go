package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"coldsign/online/internal/courier"
	"coldsign/online/internal/dialect"
	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/cli"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
)

// isKeys takes the paired half's keys, or those that another wallet shows.
func isKeys(m frame.Message) error {
	if m.Format == frame.Native || frame.IsBundle(m) == nil {
		return nil
	}
	return dialect.IsKeys(m)
}

// isAnswer takes the paired half's receipts, or another wallet's signatures.
func isAnswer(m frame.Message) error {
	if frame.IsBundle(m) == nil {
		return nil
	}
	return dialect.IsAnswer(m)
}

type foreignWallet struct {
	SignatureID string `json:"signatureId"`
	Chain       string `json:"chain"`
	Testnet     bool   `json:"testnet"`
	Fingerprint string `json:"fingerprint"`
	Path        string `json:"path"`
	Address     string `json:"address"` // index 0
}

// keysForeign takes the public keys that another wallet shows: from then on it can
// be the signer of transactions that name them.
func (h *home) keysForeign(m frame.Message) error {
	wallets, err := dialect.Wallets(m, h.opt.testnet)
	if err != nil {
		return err
	}
	if h.opt.chain != "" {
		wallets = slices.DeleteFunc(wallets, func(w bundle.Wallet) bool { return w.Chain != strings.ToUpper(h.opt.chain) })
	}
	if len(wallets) == 0 {
		return fault.New("foreign.keys", "leave --chain away", "there is no key for chain %q in it", h.opt.chain)
	}
	for _, w := range wallets {
		if err := h.device.Takes(w); err != nil {
			return err
		}
	}
	if err := h.store.PutForeign(h.ctx, wallets); err != nil {
		return err
	}
	list := make([]foreignWallet, len(wallets))
	for i, w := range wallets {
		list[i] = foreignWallet{
			w.SignatureID.String(), w.Chain, w.Testnet, fmt.Sprintf("%x", w.Fingerprint), chain.PathString(w.Path), h.firstAddress(w),
		}
	}
	return h.print(map[string]any{"wallets": list}, func(out io.Writer) error {
		for _, w := range list {
			if _, err := fmt.Fprintf(out, "%s  %s  %s %s  %s\n", w.SignatureID, w.Chain, w.Fingerprint, w.Path, w.Address); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintln(out, "compare each address with the wallet's own screen before anything is paid to it")
		return err
	})
}

// firstAddress is that of index 0 in the wallet's default form.
func (h *home) firstAddress(w bundle.Wallet) string {
	ch, ok := h.chain.ByName(w.Chain)
	if !ok {
		return ""
	}
	key, derived, err := dialect.First(w)
	if err != nil {
		return ""
	}
	for _, n := range ch.Networks {
		if n.Testnet == w.Testnet {
			if a := ch.Wallet.Addresses(n.ID, key, derived); len(a) > 0 {
				return dialect.FormOf(w.Path, a)
			}
		}
	}
	return ""
}

// foreignRows reports whether the named transactions are of another wallet; all or
// none must be.
func (h *home) foreignRows(ids []bundle.ID) (bool, error) {
	n := 0
	for _, id := range ids {
		row, err := h.store.Get(h.ctx, store.Any, id)
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

// exportForeign asks another wallet for signatures, in the form that it scans.
func (h *home) exportForeign(ids []bundle.ID) error {
	if h.opt.Format == string(frame.Native) {
		return cli.Usagef("another wallet reads --format ur or bbqr")
	}
	var once []bundle.ID // in the order given: a device shows nonces one after the other
	for _, id := range ids {
		if !slices.Contains(once, id) {
			once = append(once, id)
		}
	}
	var m frame.Message
	// Only what has a form to go out in, and a place to go to, is marked as gone.
	_, err := courier.ExportForeignBatch(h.ctx, h.store, h.chain, once, func(list []bundle.Request) (err error) {
		if m, err = h.ask(list); err != nil {
			return err
		}
		return h.opt.Writable()
	})
	if err != nil {
		return err
	}
	if err := h.opt.Send(h.ctx, h.streams(), m); err != nil || h.opt.Printed() {
		return err
	}
	return h.say(map[string]any{"out": h.opt.Where(), "items": len(once), "type": m.Type},
		"asked another wallet for %d signature(s): %s\n", len(once), m)
}

// ask writes requests in the form that another wallet reads.
func (h *home) ask(list []bundle.Request) (frame.Message, error) {
	asks := make([]dialect.Request, len(list))
	for i, r := range list {
		asks[i].Request = r
		if ch, _, ok := h.chain.ByNetwork(r.Network); ok {
			asks[i].Chain = ch.Name
		}
		if len(r.Keys) == 0 {
			continue
		}
		w, _, err := h.store.Wallet(h.ctx, r.Keys[0].SignatureID)
		if err != nil {
			return frame.Message{}, err
		}
		asks[i].Fingerprint = w.Fingerprint
	}
	m, err := dialect.Ask(asks)
	if err == nil && h.opt.Format != "" {
		m, err = m.As(frame.Format(h.opt.Format))
	}
	return m, err
}

// importForeign takes what another wallet signed.
func (h *home) importForeign(m frame.Message) error {
	answers, err := dialect.Answers(m)
	if err != nil {
		return err
	}
	r, err := courier.ImportForeign(h.ctx, h.store, h.chain, answers)
	if err != nil {
		return err
	}
	return h.imported(r)
}
