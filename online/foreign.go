package main

import (
	"fmt"
	"io"

	"coldsign/online/internal/crossing"
	"coldsign/shared/bundle"
	"coldsign/shared/chain"
	"coldsign/shared/cli"
	"coldsign/shared/frame"
)

type foreignWallet struct {
	SignatureID string `json:"signatureId"`
	Chain       string `json:"chain"`
	Testnet     bool   `json:"testnet"`
	Fingerprint string `json:"fingerprint"`
	Path        string `json:"path"`
	Address     string `json:"address"` // index 0
}

// crossing is this half as far as bundles go.
func (h *home) crossing() crossing.Half {
	return crossing.Half{Store: h.store, Device: h.device, Chains: h.chain}
}

// keysTaken says which public keys came in.
func (h *home) keysTaken(k crossing.Keys) error {
	if k.Foreign == nil {
		return h.say(map[string]any{"wallets": k.Wallets, "sequence": k.Sequence, "repeat": k.Repeat},
			"%simported the public keys of %d wallets\n", repeated(k.Repeat), k.Wallets)
	}
	list := make([]foreignWallet, len(k.Foreign))
	for i, w := range k.Foreign {
		list[i] = foreignWallet{
			w.SignatureID.String(), w.Chain, w.Testnet, fmt.Sprintf("%x", w.Fingerprint), chain.PathString(w.Path), h.crossing().FirstAddress(w),
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

// exportForeign asks another wallet for signatures, in the form that it scans.
func (h *home) exportForeign(ids []bundle.ID) error {
	if h.opt.Format == string(frame.Native) {
		return cli.Usagef("another wallet reads --format ur or bbqr")
	}
	m, items, err := h.crossing().Ask(h.ctx, ids, frame.Format(h.opt.Format), h.opt.Writable)
	if err != nil {
		return err
	}
	if err := h.opt.Send(h.ctx, h.streams(), m); err != nil || h.opt.Printed() {
		return err
	}
	return h.say(map[string]any{"out": h.opt.Where(), "items": items, "type": m.Type},
		"asked another wallet for %d signature(s): %s\n", items, m)
}
