package crossing

import (
	"context"
	"slices"
	"strings"

	"coldsign/online/internal/courier"
	"coldsign/online/internal/dialect"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/frame"
)

// Of says whose keys another wallet's are, which their codes do not tell.
type Of struct {
	Chain   string // KMS name; "" for every chain
	Testnet bool
}

// Keys says which public keys came in: of the paired half, or of another wallet.
type Keys struct {
	courier.Report
	Foreign []bundle.Wallet // nil for those of the paired half
}

// TakeKeys takes public keys. Another wallet can be the signer of transactions that
// name its keys from then on.
func (h Half) TakeKeys(ctx context.Context, m frame.Message, of Of) (k Keys, err error) {
	if frame.IsBundle(m) == nil {
		raw, err := m.Bundle()
		if err != nil {
			return k, err
		}
		k.Report, err = courier.ImportKeys(ctx, h.Store, h.Device, raw)
		return k, err
	}
	wallets, err := dialect.Wallets(m, of.Testnet)
	if err != nil {
		return k, err
	}
	if of.Chain != "" {
		wallets = slices.DeleteFunc(wallets, func(w bundle.Wallet) bool { return w.Chain != strings.ToUpper(of.Chain) })
	}
	if len(wallets) == 0 {
		return k, fault.New("foreign.keys", "leave --chain away", "there is no key for chain %q in it", of.Chain)
	}
	for _, w := range wallets {
		if err := h.Device.Takes(w); err != nil {
			return k, err
		}
	}
	k.Foreign, k.Wallets = wallets, len(wallets)
	return k, h.Store.PutForeign(ctx, wallets)
}

// FirstAddress is that of index 0 in the wallet's default form; "" when there is none.
func (h Half) FirstAddress(w bundle.Wallet) string {
	ch, ok := h.Chains.ByName(w.Chain)
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
