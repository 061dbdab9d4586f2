package config

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"coldsign/online/internal/store"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// APIKey is a key of the API that a file holds, in place of the database.
type APIKey struct {
	Name, Tenant string
	Scopes       []string
	Expires      time.Time // from when on it is no key; zero never
	Digest       [32]byte  // SHA-256: the key itself is not kept
}

// apiKey is one table:
//
//	[[api_key]]
//	name = "app"
//	tenant = "default"           # the default
//	scopes = ["submit", "read"]
//	key_file = "app-key"         # a systemd credential, or beside config.toml, mode 0600
//	expires = 2027-01-31         # or a time with its zone; never by default
type apiKey struct {
	Name    string    `toml:"name"`
	Tenant  string    `toml:"tenant"`
	Scopes  []string  `toml:"scopes"`
	KeyFile string    `toml:"key_file"`
	Expires time.Time `toml:"expires"`
}

func apiKeys(dir string, tables []apiKey) (list []APIKey, err error) {
	for _, in := range tables {
		bad := func(cure, format string, args ...any) ([]APIKey, error) {
			return nil, fault.New("config.api-key", cure, "[[api_key]] %s: "+format, append([]any{quote.String(in.Name)}, args...)...)
		}
		if in.Tenant == "" {
			in.Tenant = "default"
		}
		if in.Name == "" || len(in.Name) > maxLabel || !quote.Plain(in.Name) || in.Tenant == store.Any || len(in.Tenant) > maxLabel || !quote.Plain(in.Tenant) {
			return bad("", "name and tenant are printable ASCII of at most %d characters", maxLabel)
		}
		if len(in.Scopes) == 0 || slices.ContainsFunc(in.Scopes, func(s string) bool { return !slices.Contains(store.Scopes(), s) }) {
			return bad("the scopes are "+strings.Join(store.Scopes(), ", "), "a scope is missing or unknown")
		}
		if in.KeyFile == "" {
			return bad("write one with: openssl rand -hex 32", "key_file is missing")
		}
		key, err := password(dir, "the key", in.KeyFile)
		if err != nil {
			return nil, err
		}
		if why := weak(key.Reveal()); why != "" {
			return bad("make one with: openssl rand -hex 32", "the key %s", why)
		}
		k := APIKey{Name: in.Name, Tenant: in.Tenant, Scopes: in.Scopes, Expires: civil(in.Expires), Digest: sha256.Sum256([]byte(key.Reveal()))}
		if slices.ContainsFunc(list, func(o APIKey) bool { return o.Name == k.Name || o.Digest == k.Digest }) {
			return bad("give each a name and a key of its own", "it is there twice")
		}
		list = append(list, k)
	}
	return list, nil
}

// weak says why a key could be guessed, or shown where short texts are. 43
// characters of base64url are 256 bits, of hex digits 172.
func weak(key string) string {
	kinds := map[rune]bool{}
	for _, c := range key {
		kinds[c] = true
	}
	switch {
	case len(key) < minKey || len(key) > maxKey:
		return "must have 43 to 128 characters"
	case strings.ContainsAny(key, " \t"):
		return "must hold no space"
	case strings.HasPrefix(key, "csk_"):
		return "must not begin as those of the database do"
	case len(kinds) < 10:
		return "is not random: it has too few different characters"
	}
	return ""
}

// civil reads a date or a time without a zone as UTC's.
func civil(t time.Time) time.Time {
	if t.IsZero() || !strings.HasSuffix(t.Location().String(), "-local") {
		return t.UTC()
	}
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// locate gives the systemd credential of that name, if there is one: a name with
// no folder in it. Else the name stays as it is, and is beside config.toml.
func locate(credentials, name string) string {
	if credentials == "" || name == "" || name != filepath.Base(name) || name == "." || name == ".." {
		return name
	}
	path := filepath.Join(credentials, name)
	if _, err := os.Stat(path); err != nil {
		return name
	}
	return path
}

// locate finds the files of all secrets.
func (f *file) locate(credentials string) {
	find := func(name *string) { *name = locate(credentials, *name) }
	find(&f.Server.DatabasePasswordFile)
	for i := range f.APIKey {
		find(&f.APIKey[i].KeyFile)
	}
	for i := range f.Network {
		find(&f.Network[i].PasswordFile)
		for j := range f.Network[i].Node {
			find(&f.Network[i].Node[j].PasswordFile)
		}
	}
	if f.Upstream != nil {
		find(&f.Upstream.APIKeyFile)
	}
}
