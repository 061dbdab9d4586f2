package config

import (
	"slices"

	"coldsign/online/internal/store"
	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// wallet is one table:
//
//	[[wallet]]
//	id = "0f5d1e1c-3d4b-4f2a-9c2e-8a4f2f6f3b11" # its signature id
//	tenants = ["payroll"]                       # whose API keys may have it sign; the desk's is "default"
//
// Without any table each tenant may have each wallet sign. With one, a wallet that no
// table names is nobody's.
type wallet struct {
	ID      string   `toml:"id"`
	Tenants []string `toml:"tenants"`
}

// owners gives the tenants of each signature id.
func owners(tables []wallet) (map[string][]string, error) {
	if tables == nil {
		return nil, nil
	}
	all := map[string][]string{}
	for _, in := range tables {
		bad := func(cure, why string) (map[string][]string, error) {
			return nil, fault.New("config.wallet", cure, "[[wallet]] %s: %s", quote.String(in.ID), why)
		}
		id, err := bundle.ParseSignatureID(in.ID)
		if err != nil {
			return bad("take it from: coldsign-offline wallet list", "id is no signature id")
		}
		if all[id.String()] != nil {
			return bad("name all its tenants in one table", "it is there twice")
		}
		if len(in.Tenants) == 0 || slices.ContainsFunc(in.Tenants, func(t string) bool {
			return t == "" || t == store.Any || len(t) > maxLabel || !quote.Plain(t)
		}) {
			return bad("", "tenants must name one tenant or more, each in printable ASCII")
		}
		all[id.String()] = in.Tenants
	}
	return all, nil
}
