package config

import (
	"net/netip"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// webhooks is the table [webhooks]:
//
//	[webhooks]
//	allow = ["10.0.0.0/8"] # addresses inside that events may go to, by http too
type webhooks struct {
	Allow []string `toml:"allow"`
}

func (w webhooks) allowed() (list []netip.Prefix, err error) {
	for _, text := range w.Allow {
		p, err := netip.ParsePrefix(text)
		if a, e := netip.ParseAddr(text); err != nil && e == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil || p != p.Masked() || p.Addr().Is4In6() {
			return nil, fault.New("config.webhooks", `give addresses as "10.0.0.0/8"`, "allow of [webhooks] holds %s, which is no range of addresses", quote.String(text))
		}
		list = append(list, p)
	}
	return list, nil
}
