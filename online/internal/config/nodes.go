package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Node is one node of a network.
type Node struct {
	Label    string // for people: its name, or "node 2"
	RPC      string // http or https, never shown: it may hold an API key
	User     string
	Password Secret
	Coins    string // how it lists unspent outputs: "wallet", "index", "scan", or "" when not set
}

// node is the same as the file has it.
type node struct {
	Name         string `toml:"name"`
	RPC          string `toml:"rpc"`
	User         string `toml:"user"`
	PasswordFile string `toml:"password_file"`
	Coins        string `toml:"coins"`
}

// table is one [[network]] as the file has it.
type table struct {
	Chain         string `toml:"chain"`
	Network       string `toml:"network"`
	Name          string `toml:"name"`
	RPC           string `toml:"rpc"`
	User          string `toml:"user"`
	PasswordFile  string `toml:"password_file"`
	Coins         string `toml:"coins"`
	Confirmations *int64 `toml:"confirmations"`
	Views         *int64 `toml:"views"`
	Watch         *int64 `toml:"watch"`
	LegacyFees    bool   `toml:"legacy_fees"`
	Node          []node `toml:"node"`
	added
}

// add checks a network and its nodes; names in the file are beside it, in dir.
func (c *Config) add(in table, dir string, chains []chain.Chain) (err error) {
	n := Network{}
	if in.ChainID != nil {
		n.Network, err = in.added.network(in.Chain, in.Network)
		c.Added = append(c.Added, n.Network)
	} else {
		n.Network, err = find(chains, in.Chain, in.Network)
	}
	if err != nil {
		return err
	}
	if n.LegacyFees = in.LegacyFees; in.LegacyFees && n.ID.Namespace() != "eip155" {
		return fault.New("config.network", "remove legacy_fees", "%s %s has no gas price", n.Chain, n.Network.Name)
	}
	for _, o := range c.Networks {
		if o.ID == n.ID {
			return fault.New("config.network", "keep one table for each network", "%s %s is configured twice", n.Chain, n.Name)
		}
		if o.Chain == n.Chain && o.Name == n.Name {
			return fault.New("config.network", "give each a name of its own", "two networks are named %s %s", n.Chain, n.Name)
		}
	}
	first := node{Name: in.Name, RPC: in.RPC, User: in.User, PasswordFile: in.PasswordFile, Coins: in.Coins}
	if err := n.nodes(dir, append([]node{first}, in.Node...)); err != nil {
		return err
	}
	if n.Confirmations = n.Depth; in.Confirmations != nil {
		if *in.Confirmations < 1 || *in.Confirmations > maxDepth {
			return fault.New("config.confirmations", "", "confirmations of %s %s must be from 1 to %d", n.Chain, n.Name, maxDepth)
		}
		n.Confirmations = uint64(*in.Confirmations)
	}
	if err := n.agree(in.Views, in.Watch); err != nil {
		return err
	}
	c.Networks = append(c.Networks, n)
	return nil
}

// Nodes are all of the network.
func (n Network) Nodes() []Node { return append([]Node{n.Node}, n.More...) }

// nodes reads the nodes of a network. Two with one address are one node, which
// must not count as two views.
func (n *Network) nodes(dir string, list []node) error {
	if len(list) > maxNodes {
		return fault.New("config.views", "", "%s %s has %d nodes, and %d is the most", n.Chain, n.Network.Name, len(list), maxNodes)
	}
	var all []Node
	for i, in := range list {
		m := Node{Label: in.Name, RPC: in.RPC, User: in.User}
		if m.Coins = in.Coins; m.Coins != "" && (n.ID.Namespace() != "bip122" || !slices.Contains([]string{"wallet", "index", "scan"}, m.Coins)) {
			return fault.New("config.coins", `give "wallet", "index" or "scan", for nodes of Bitcoin and its kin`, "coins of %s %s is not known", n.Chain, n.Network.Name)
		}
		if m.Label == "" {
			m.Label = fmt.Sprintf("node %d", i+1)
		}
		if len(m.Label) > maxLabel || !quote.Plain(m.Label) {
			return fault.New("config.rpc", "", "the name of a node of %s %s must be printable ASCII of at most %d characters", n.Chain, n.Network.Name, maxLabel)
		}
		address, err := n.address(in.RPC)
		if err != nil {
			return err
		}
		for _, o := range all {
			if other, err := n.address(o.RPC); err == nil && other == address {
				return fault.New("config.views", "name a node that somebody else runs", "%s and %s of %s %s are the same node", quote.Line(o.Label), quote.Line(m.Label), n.Chain, n.Network.Name)
			}
		}
		if slices.ContainsFunc(all, func(o Node) bool { return o.Label == m.Label }) {
			return fault.New("config.views", "give each a name of its own", "two nodes of %s %s are named %s", n.Chain, n.Network.Name, quote.Line(m.Label))
		}
		if m.Password, err = password(dir, in.User, in.PasswordFile); err != nil {
			return err
		}
		all = append(all, m)
	}
	n.Node, n.More = all[0], all[1:]
	return nil
}

// address checks an rpc, and gives what it is compared by.
func (n *Network) address(rpc string) (string, error) {
	u, err := url.Parse(rpc)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", fault.New("config.rpc", "give an http or https address", "rpc of %s %s is not an address", n.Chain, n.Network.Name)
	case u.User != nil:
		return "", fault.New("config.rpc", "use user and password_file", "rpc of %s %s holds a user name", n.Chain, n.Network.Name)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return strings.ToLower(u.Hostname()) + ":" + port + strings.TrimSuffix(u.EscapedPath(), "/") + "?" + u.RawQuery, nil
}

// agree settles how many nodes must agree, and how long complete payments are
// watched.
func (n *Network) agree(views, watch *int64) error {
	nodes := len(n.Nodes())
	n.Views = min(nodes, 2)
	if views != nil {
		if *views < 1 || *views > int64(nodes) {
			return fault.New("config.views", "add nodes as [[network.node]], or lower views", "views of %s %s must be from 1 to %d, the number of its nodes", n.Chain, n.Network.Name, nodes)
		}
		n.Views = int(*views)
	}
	n.Watch = max(n.Confirmations, defaultWatch(n.ID))
	if watch != nil {
		if *watch < int64(n.Confirmations) || *watch > maxDepth {
			return fault.New("config.watch", "", "watch of %s %s must be from %d, its confirmations, to %d", n.Chain, n.Network.Name, n.Confirmations, maxDepth)
		}
		n.Watch = uint64(*watch)
	}
	return nil
}

// defaultWatch is beyond what reorganizations have ever reached: a coinbase's age on
// Bitcoin, two epochs and more on an EVM chain. A finalized Solana block stays.
func defaultWatch(id chain.ID) uint64 {
	switch namespace, _, _ := strings.Cut(string(id), ":"); namespace {
	case "bip122":
		return 100
	case "solana":
		return 32
	}
	return 128
}
