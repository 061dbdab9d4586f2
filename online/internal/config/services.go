package config

import (
	"crypto/ed25519"
	"encoding/hex"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// Upstream is the Tatum account that this half serves.
type Upstream struct {
	URL      string // without a slash at its end
	Key      Secret
	Period   time.Duration // between two polls
	Networks []Network     // at most one for a chain and kind, main or test: a record names no network
}

type upstream struct {
	URL        string   `toml:"url"`
	APIKeyFile string   `toml:"api_key_file"`
	Period     string   `toml:"period"`
	Networks   []string `toml:"networks"`
}

func (in *upstream) read(dir string, networks []Network) (*Upstream, error) {
	if in == nil {
		return nil, nil
	}
	bad := func(cure, format string, args ...any) (*Upstream, error) {
		return nil, fault.New("config.upstream", cure, "[upstream]: "+format, args...)
	}
	u := &Upstream{Period: defaultPeriod}
	var err error
	if u.URL, err = service(in.URL); err != nil {
		return bad("", "%w", err)
	}
	if in.APIKeyFile == "" {
		return bad("name the file that holds the API key", "api_key_file is missing")
	}
	if u.Key, err = password(dir, "the upstream", in.APIKeyFile); err != nil {
		return nil, err
	}
	if in.Period != "" {
		if u.Period, err = time.ParseDuration(in.Period); err != nil || u.Period < minPeriod || u.Period > maxPeriod {
			return bad("", "period must be a time from %s to %s, such as \"10s\"", minPeriod, maxPeriod)
		}
	}
	for _, name := range in.Networks {
		if !slices.ContainsFunc(networks, func(n Network) bool { return n.Chain+" "+n.Name == name }) {
			return bad("write it as \"BTC mainnet\", and give it a [[network]] table", "network %s is not configured", quote.String(name))
		}
	}
	for _, n := range networks {
		if len(in.Networks) > 0 && !slices.Contains(in.Networks, n.Chain+" "+n.Name) {
			continue
		}
		for _, o := range u.Networks {
			if o.Chain == n.Chain && o.Testnet == n.Testnet {
				return bad("name the one that the account is for in networks", "a record names no network, and both %s and %s of %s would be asked for", o.Name, n.Name, n.Chain)
			}
		}
		u.Networks = append(u.Networks, n)
	}
	if len(u.Networks) == 0 {
		return bad("add [[network]] tables", "no network is configured to ask for")
	}
	return u, nil
}

// FourEyes is the approval service that is asked before export.
type FourEyes struct {
	URL    string // without a slash at its end
	Method string // POST, or GET under Compat
	Secret Secret // HMAC-SHA-256 key of verdicts; empty none
	Key    ed25519.PublicKey
	Compat bool
}

type fourEyes struct {
	URL        string `toml:"url"`
	Method     string `toml:"method"`
	SecretFile string `toml:"secret_file"`
	PublicKey  string `toml:"public_key"`
	Compat     bool   `toml:"compat"`
}

func (in *fourEyes) read(dir string) (*FourEyes, error) {
	if in == nil {
		return nil, nil
	}
	bad := func(cure, format string, args ...any) (*FourEyes, error) {
		return nil, fault.New("config.four-eyes", cure, "[four_eyes]: "+format, args...)
	}
	f := &FourEyes{Method: in.Method, Compat: in.Compat}
	var err error
	if f.URL, err = service(in.URL); err != nil {
		return bad("", "%w", err)
	}
	if f.Method == "" {
		f.Method = "POST"
		if f.Compat {
			f.Method = "GET" // as the original without its flag
		}
	}
	switch {
	case f.Method != "POST" && f.Method != "GET":
		return bad("", "method is GET or POST, in capitals")
	case f.Method == "GET" && !f.Compat:
		return bad("use POST, or set compat = true and accept that nothing binds the answer to what is signed", "GET shows the service the id alone")
	case f.Compat && (in.SecretFile != "" || in.PublicKey != ""):
		return bad("remove compat", "the original's answers carry no signature")
	case in.SecretFile != "" && in.PublicKey != "":
		return bad("", "give secret_file or public_key, not both")
	}
	if in.SecretFile != "" {
		if f.Secret, err = password(dir, "the approval service", in.SecretFile); err != nil {
			return nil, err
		}
		if len(f.Secret.Reveal()) < minSecret {
			return bad("make one with: openssl rand -hex 32", "the secret has fewer than %d characters", minSecret)
		}
	}
	if in.PublicKey != "" {
		if f.Key, err = hex.DecodeString(in.PublicKey); err != nil || len(f.Key) != ed25519.PublicKeySize {
			return bad("", "public_key is not 64 hex digits")
		}
	}
	return f, nil
}

// service checks the address of a service that gets secrets or gives verdicts: https,
// or http where nobody is in between.
func service(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return "", fault.New("config.url", "", "url is not an http or https address")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", fault.New("config.url", "", "url has a user, a query or a fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "", fault.New("config.url", "", "url must be https, or an address of this machine")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
