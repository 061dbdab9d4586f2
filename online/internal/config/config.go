// Package config reads the online half's config.toml:
//
//	[server]
//	listen = "127.0.0.1:8190"
//	database = "postgres://coldsign@db.internal/coldsign" # or a file; coldsign.db in the home by default
//	database_password_file = "database-password"          # beside config.toml, mode 0600
//	quota = 100000                                        # open transactions of each tenant; the default
//	tls_cert = "desk.pem"                                 # beside config.toml; without both it is plain HTTP,
//	tls_key = "desk-key.pem"                              # and there is a desk on loopback only
//
//	[desk]
//	url = "https://desk.example" # where people open the desk, if not at the listener itself; http for localhost only
//	off = false                  # true: no desk
//
//	[[wallet]]                   # whose it is; with one table, a wallet without is nobody's
//	id = "0f5d1e1c-3d4b-4f2a-9c2e-8a4f2f6f3b11"
//	tenants = ["payroll"]
//
//	[[network]]
//	chain = "BTC"
//	network = "mainnet"
//	rpc = "http://127.0.0.1:8332"
//	user = "coldsign"
//	password_file = "bitcoin-password" # beside config.toml, mode 0600
//	coins = "wallet"                   # how it lists unspent outputs, see README; found out by default
//	confirmations = 6                  # the default
//	views = 2                          # nodes that must agree; the default is 2 where there are several
//	watch = 100                        # confirmations up to which a complete payment is watched; the default
//
//	[[network.node]]                   # a second node, run by somebody else
//	name = "elsewhere"                 # for people; the default is "node 2"
//	rpc = "https://bitcoin.example"
//	user = "coldsign"
//	password_file = "elsewhere-password"
//
//	[upstream]                         # serve a Tatum account instead of the local list
//	url = "https://api.tatum.io"
//	api_key_file = "tatum-key"         # beside config.toml, mode 0600
//	period = "10s"                     # between two polls; the default
//	networks = ["BTC mainnet"]         # of those above; the default is all
//
//	[four_eyes]                        # an approval service that is asked before export
//	url = "https://approvals.internal/coldsign"
//	method = "POST"                    # the default
//	secret_file = "approval-secret"    # an HMAC key that verdicts are signed with; or
//	public_key = "9d61b19d..."         # the Ed25519 key of the service, 64 hex digits
//	compat = false                     # the original's GET and its weakness
//
//	[requote]
//	wait = "15m"                       # before a failure is told that a new quote may mend; the default is to tell at once
//
//	[[network]]                        # any other EIP-155 network; the offline half has it in its list too
//	chain = "ETH"                      # whose keys are used there
//	network = "linea"                  # the name that both halves know it by
//	chain_id = 59144
//	symbol = "ETH"
//	testnet = false                    # true: wallets of test networks sign there
//	explorer = "https://lineascan.build/tx/"
//	legacy_fees = false                # true: creation calls make type 0, which hot signers take
//	rpc = "https://linea.example"
//
// What the file says and we do not know is an error: a misspelt key must not
// silently leave a setting at its default.
package config

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"coldsign/shared/chain"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Config is a whole, checked configuration. The zero value is what a missing
// file means: no networks.
type Config struct {
	Listen   string // host:port, or "" when not set
	Metrics  string // host:port for Prometheus, or "" for none
	Database string // a file or postgres://..., or "" when not set
	Quota    int    // open rows that each tenant may have, or 0 when not set

	DatabasePassword Secret // empty when not set
	Networks         []Network
	Upstream         *Upstream // nil: the list is our own
	FourEyes         *FourEyes // nil: nobody is asked before export

	APIKeys  []APIKey
	Owners   map[string][]string // tenants that may have a wallet sign, by its signature id in small letters; nil: each has each
	Webhooks []netip.Prefix      // where events may go besides public addresses
	Wait     time.Duration       // before a failure is told that a new quote of the payment may mend

	Certificate *tls.Certificate // of the listener; nil: plain HTTP
	DeskURL     *url.URL         // scheme and host that people open the desk at; nil: the listener's own
	DeskOff     bool
	Added       []chain.Network // those of Networks that nobody knew before
}

// Network is one network and the nodes that serve it.
type Network struct {
	chain.Network
	Node                 // the first
	More          []Node // further ones
	Views         int    // nodes that must agree on what is final
	Confirmations uint64 // at least 1
	Watch         uint64 // confirmations up to which a complete payment is watched for a reorganization; at least Confirmations
	LegacyFees    bool   // creation calls make transactions with a gas price there
}

// Secret is text that prints as "(hidden)" by any verb.
type Secret struct{ text string }

// Reveal gives the text.
func (s Secret) Reveal() string { return s.text }

// String hides the text.
func (s Secret) String() string { return "(hidden)" }

// GoString hides the text.
func (s Secret) GoString() string { return "(hidden)" }

// MarshalText hides the text.
func (s Secret) MarshalText() ([]byte, error) { return []byte("(hidden)"), nil }

type file struct {
	Server struct {
		Listen   string `toml:"listen"`
		Metrics  string `toml:"metrics"`
		Database string `toml:"database"`
		Quota    *int64 `toml:"quota"`

		DatabasePasswordFile string `toml:"database_password_file"`

		Certificate string `toml:"tls_cert"`
		Key         string `toml:"tls_key"`
	} `toml:"server"`
	Desk     desk      `toml:"desk"`
	Network  []table   `toml:"network"`
	Upstream *upstream `toml:"upstream"`
	FourEyes *fourEyes `toml:"four_eyes"`
	Webhooks webhooks  `toml:"webhooks"`
	Requote  requote   `toml:"requote"`
	APIKey   []apiKey  `toml:"api_key"`
	Wallet   []wallet  `toml:"wallet"`
}

// Load reads the file at path; chains are the ones we know. Faults have codes
// config.read, config.syntax, config.key, config.network, config.rpc,
// config.password, config.confirmations, config.views, config.watch, config.coins,
// config.upstream, config.four-eyes, config.webhooks, config.requote, config.api-key, config.wallet, config.tls and
// config.desk.
func Load(path string, chains []chain.Chain) (Config, error) { return LoadWith(path, "", chains) }

// LoadWith is Load where credentials, "" for none, is a folder of systemd's: a file
// of a secret that is named without a folder is looked for there first.
func LoadWith(path, credentials string, chains []chain.Chain) (Config, error) {
	raw, _, err := read(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, nil
	}
	if err != nil {
		return Config{}, fault.New("config.read", "", "cannot read the configuration %s: %w", quote.Line(path), err)
	}
	var f file
	meta, err := toml.NewDecoder(bytes.NewReader(raw)).Decode(&f)
	if e, ok := errors.AsType[toml.ParseError](err); ok {
		// The message may repeat a value; the line number is enough.
		return Config{}, fault.New("config.syntax", "correct it as the comments in the example show", "line %d of %s is not valid TOML", e.Position.Line, quote.Line(path))
	}
	if err != nil {
		return Config{}, fault.New("config.syntax", "", "%s: %s", quote.Line(path), quote.Line(err.Error()))
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return Config{}, fault.New("config.key", "correct or remove it", "unknown key %s in %s", quote.Line(unknown[0].String()), quote.Line(path))
	}
	if one, other := twice(meta.Keys()); one != "" {
		return Config{}, fault.New("config.key", "keep one of them, in small letters", "%s and %s in %s are the same key", quote.Line(one), quote.Line(other), quote.Line(path))
	}
	c := Config{Listen: f.Server.Listen, Metrics: f.Server.Metrics, Database: f.Server.Database, DeskOff: f.Desk.Off}
	f.locate(credentials)
	if c.APIKeys, err = apiKeys(filepath.Dir(path), f.APIKey); err != nil {
		return Config{}, err
	}
	if c.Owners, err = owners(f.Wallet); err != nil {
		return Config{}, err
	}
	if c.Webhooks, err = f.Webhooks.allowed(); err != nil {
		return Config{}, err
	}
	if c.Wait, err = f.Requote.read(); err != nil {
		return Config{}, err
	}
	if c.DeskURL, err = f.Desk.page(); err != nil {
		return Config{}, err
	}
	if c.Certificate, err = certificate(filepath.Dir(path), f.Server.Certificate, f.Server.Key); err != nil {
		return Config{}, err
	}
	if q := f.Server.Quota; q != nil {
		if *q < 1 || *q > maxQuota {
			return Config{}, fault.New("config.quota", "", "quota must be from 1 to %d", maxQuota)
		}
		c.Quota = int(*q)
	}
	if name := f.Server.DatabasePasswordFile; name != "" {
		if c.DatabasePassword, err = password(filepath.Dir(path), "the database", name); err != nil {
			return Config{}, err
		}
	}
	for _, in := range f.Network {
		if err := c.add(in, filepath.Dir(path), chains); err != nil {
			return Config{}, err
		}
	}
	if c.Upstream, err = f.Upstream.read(filepath.Dir(path), c.Networks); err != nil {
		return Config{}, err
	}
	if c.FourEyes, err = f.FourEyes.read(filepath.Dir(path)); err != nil {
		return Config{}, err
	}
	return c, nil
}

// twice gives two keys that differ by large and small letters alone. The decoder takes
// either for the setting, and the last one of an order that changes from run to run.
func twice(keys []toml.Key) (one, other string) {
	seen := map[string]string{}
	for _, k := range keys {
		text := k.String()
		folded := strings.ToLower(text)
		if before, ok := seen[folded]; ok && before != text {
			return before, text
		}
		seen[folded] = text
	}
	return "", ""
}

func find(chains []chain.Chain, name, network string) (chain.Network, error) {
	var known []string
	for _, c := range chains {
		for _, n := range c.Networks {
			if c.Name == name && n.Name == network {
				return n, nil
			}
			known = append(known, c.Name+" "+n.Name)
		}
	}
	return chain.Network{}, fault.New("config.network", "known are "+strings.Join(known, ", "), "unknown network: chain %s, network %s", quote.String(name), quote.String(network))
}

// password reads a password file; a relative name is beside config.toml. Others
// than its owner and group must have no access, the group at most to read.
func password(dir, user, name string) (Secret, error) {
	if (user == "") != (name == "") {
		return Secret{}, fault.New("config.password", "give both or neither", "user and password_file belong together")
	}
	if name == "" {
		return Secret{}, nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	raw, mode, err := read(name, maxPassword)
	if err != nil {
		return Secret{}, fault.New("config.password", "", "cannot read the password file %s: %w", quote.Line(name), err)
	}
	if mode.Perm()&0o027 != 0 {
		return Secret{}, fault.New("config.password", "run: chmod 600 "+quote.Line(name), "the password file %s is open to others (mode %04o)", quote.Line(name), mode.Perm())
	}
	text := strings.TrimRight(string(raw), "\r\n")
	if text == "" || !quote.Plain(text) {
		return Secret{}, fault.New("config.password", "write the password on one line", "the password file %s does not hold one line of ASCII text", quote.Line(name))
	}
	return Secret{text}, nil
}

// read gives a regular file's bytes, at most limit, and its mode.
func read(name string, limit int64) ([]byte, fs.FileMode, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New("not a regular file")
	}
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = errors.New("too long")
	}
	return raw, info.Mode(), err
}
