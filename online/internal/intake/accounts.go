package intake

import (
	"context"
	"slices"

	"coldsign/shared/bundle"
	"coldsign/shared/chain"
)

// Account is one key that a submission names, and the addresses that it alone
// controls, the wallet's default form first.
type Account struct {
	SignatureID bundle.SignatureID
	Key         chain.PublicKey
	Path        []uint32
	Derived     bool // of a mnemonic wallet
	Addresses   []string
}

// Accounts gives the keys that the wallets of a tenant's submission name, before there
// is a transaction: only its Chain, Network, Hashes, Index and Signatures are read. Wrong
// ones give FieldErrors.
func (in *Intake) Accounts(ctx context.Context, tenant string, s Submission) ([]Account, error) {
	d := &draft{Submission: s, tenant: tenant}
	problems := in.findNetwork(d)
	if d.checkIDs(&problems); problems != nil {
		return nil, problems
	}
	if err := in.findWallets(ctx, d); err != nil {
		return nil, err
	}
	keys, err := d.candidates(nil)
	if err != nil {
		return nil, err
	}
	list := make([]Account, len(keys))
	for i, c := range keys {
		list[i] = Account{c.id, c.key, c.path, c.derived, d.chain.Wallet.Addresses(d.network.ID, c.key, c.derived)}
	}
	return list, nil
}

// Options gives the chain of that name, and those of its configured networks that the
// tenant's wallets sign for: keys of a test wallet sign on test networks alone. FieldErrors say
// which wallet is unknown.
func (in *Intake) Options(ctx context.Context, tenant, chainName string, wallets []bundle.SignatureID) (chain.Chain, []chain.Network, error) {
	at := slices.IndexFunc(in.Chains, func(c chain.Chain) bool { return c.Name == chainName })
	if at < 0 {
		return chain.Chain{}, nil, FieldErrors{{"chain", "isIn", "chain must be one that this server signs for: " + in.chainNames(), chainName}}
	}
	c := in.Chains[at]
	fit := slices.DeleteFunc(slices.Clone(c.Networks), func(n chain.Network) bool { return !slices.Contains(in.Networks, n.ID) })
	for _, id := range wallets {
		w, found, err := in.wallet(ctx, tenant, id)
		switch {
		case err != nil:
			return c, nil, err
		case !found:
			return c, nil, FieldErrors{{"signatureId", "wallet.missing", "no wallet has this signature id; import the keys first", id.String()}}
		case w.Chain != chainName:
			return c, nil, FieldErrors{{"signatureId", "wallet.chain", "the wallet is one for " + w.Chain + ", not for " + chainName, id.String()}}
		}
		kind := "mainnet"
		if w.Testnet {
			kind = "test networks"
		}
		before := len(fit)
		fit = slices.DeleteFunc(fit, func(n chain.Network) bool { return n.Testnet != w.Testnet })
		if len(fit) == 0 {
			reason := "the wallet is one for " + kind + ", and none of " + chainName + " is configured"
			if before == 0 {
				reason = "no network of " + chainName + " is configured"
			}
			return c, nil, FieldErrors{{"signatureId", "wallet.network", reason, id.String()}}
		}
	}
	return c, fit, nil
}
