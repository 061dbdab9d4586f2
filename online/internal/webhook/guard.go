package webhook

import (
	"net"
	"net/netip"
	"slices"
	"syscall"

	"coldsign/shared/fault"
)

// Guard says which addresses an event may be sent to. Whoever may subscribe names
// an address, and the server is inside the operator's network: without a guard it
// would be made to talk to what stands there. The zero Guard allows public
// addresses alone, by https.
//
// It is asked with the address of each connection, after names are resolved: a
// name that means another address a moment later is no way around it.
type Guard struct {
	Allow []netip.Prefix // what is allowed besides, by http too
	own   func() ([]net.Addr, error)
}

// special are the ranges of the global unicast space that lead into a network and
// not to a host of the Internet (IANA's special-purpose registries), and the
// metadata services of clouds that have an address of their own.
func special() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "168.63.129.16/32", "2001::/23", "2001:db8::/32", "3fff::/20",
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// Check refuses an address that an event must not be sent to: webhook.address.
func (g Guard) Check(a netip.Addr, plain bool) error {
	a = a.Unmap()
	if slices.ContainsFunc(g.Allow, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return nil
	}
	refuse := func(why string) error {
		return fault.New("webhook.address", "allow it by [webhooks] allow in config.toml, if it is to be told", "%s is %s", a, why)
	}
	if plain {
		return refuse("not among those told by http")
	}
	if !public(a) {
		return refuse("not a public address")
	}
	own := g.own
	if own == nil {
		own = net.InterfaceAddrs
	}
	list, err := own()
	if err != nil {
		return refuse("not known to be another machine's")
	}
	for _, o := range list {
		if p, err := netip.ParsePrefix(o.String()); err == nil && p.Addr().Unmap() == a {
			return refuse("this machine")
		}
	}
	return nil
}

// public reports whether the address is a host of the Internet. One that carries
// an IPv4 address, for NAT64 or 6to4, is what that one is.
func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	if a.Is6() {
		b := a.As16()
		switch {
		case netip.MustParsePrefix("64:ff9b::/96").Contains(a):
			return public(netip.AddrFrom4([4]byte(b[12:16])))
		case netip.MustParsePrefix("2002::/16").Contains(a):
			return public(netip.AddrFrom4([4]byte(b[2:6])))
		case !netip.MustParsePrefix("2000::/3").Contains(a):
			return false
		}
	}
	return !slices.ContainsFunc(special(), func(p netip.Prefix) bool { return p.Contains(a) })
}

// control is for net.Dialer: the address is what is connected to.
func (g Guard) control(plain bool) func(network, address string, c syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fault.New("webhook.address", "", "the address cannot be read")
		}
		return g.Check(to.Addr(), plain)
	}
}
