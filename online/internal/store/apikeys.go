package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"coldsign/shared/bundle"
	"coldsign/shared/fault"
	"coldsign/shared/quote"
)

// The scopes of an API key.
const (
	ScopeSubmit   = "submit"   // create and cancel pending transactions
	ScopeRead     = "read"     // list and read them
	ScopeComplete = "complete" // complete one that was never exported, on the caller's word
	ScopeWebhook  = "webhook"  // say where events go
	ScopeAdmin    = "admin"    // all of these
	ScopeSign     = "sign"     // what a hot signer calls: hand in transactions that it signed, ask the nodes. No other scope has it
)

// Scopes lists every scope.
func Scopes() []string {
	return []string{ScopeSubmit, ScopeRead, ScopeComplete, ScopeWebhook, ScopeAdmin, ScopeSign}
}

// Caller is who an API key stands for. The zero value may do nothing.
type Caller struct {
	KeyID, Name, Tenant string
	Scopes              []string
}

// Can reports whether the caller has the scope; admin has every one but sign.
func (c Caller) Can(scope string) bool {
	return slices.Contains(c.Scopes, scope) || scope != ScopeSign && slices.Contains(c.Scopes, ScopeAdmin)
}

// APIKey is what is kept of an API key. The key itself is not.
type APIKey struct {
	ID, Name, Tenant string
	Scopes           []string
	Created          time.Time
	Revoked          time.Time // zero while the key is valid
	Expires          time.Time // from when on it is no key; zero never
}

const keyPrefix = "csk_"

// CreateAPIKey makes a key: "csk_" and 8 bytes of id in hex, "_", 32 random bytes
// in base64url. It is shown once and stored as its SHA-256: guessing 256 random
// bits needs no slow hash to stop it.
func (s *Store) CreateAPIKey(ctx context.Context, name, tenant string, scopes []string) (id, key string, err error) {
	return s.CreateAPIKeyUntil(ctx, name, tenant, scopes, time.Time{})
}

// CreateAPIKeyUntil is CreateAPIKey of a key that ends by itself; zero is never.
func (s *Store) CreateAPIKeyUntil(ctx context.Context, name, tenant string, scopes []string, until time.Time) (id, key string, err error) {
	if !until.IsZero() && !until.After(s.now()) {
		return "", "", fault.New("apikey.expires", "", "the key would have ended already")
	}
	if name == "" || len(name) > maxText || !quote.Plain(name) {
		return "", "", fault.New("apikey.name", "", "%s is no name for a key: 1 to %d printable ASCII characters", quote.String(name), maxText)
	}
	if tenant == "" || tenant == Any || len(tenant) > maxText || !quote.Plain(tenant) {
		return "", "", fault.New("apikey.tenant", "", "%s is no name for a tenant", quote.String(tenant))
	}
	for _, scope := range scopes {
		if !slices.Contains(Scopes(), scope) {
			return "", "", fault.New("apikey.scope", "the scopes are "+strings.Join(Scopes(), ", "), "there is no scope %s", quote.String(scope))
		}
	}
	if len(scopes) == 0 {
		return "", "", fault.New("apikey.scope", "the scopes are "+strings.Join(Scopes(), ", "), "a key needs at least one scope")
	}
	var random [8 + 32]byte
	rand.Read(random[:])
	id = hex.EncodeToString(random[:8])
	key = keyPrefix + id + "_" + base64.RawURLEncoding.EncodeToString(random[8:])
	digest := sha256.Sum256([]byte(key))
	err = s.write(ctx, func(t *tx) error {
		_, err := t.exec("INSERT INTO api_keys (id, name, tenant, scopes, digest, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?)",
			id, name, tenant, strings.Join(scopes, ","), digest[:], t.at.UnixMilli(), toMillis(until))
		if err != nil {
			return err
		}
		return t.audit("apikey.create", bundle.ID{}, "", "", id+" "+strings.Join(scopes, ","))
	})
	if err != nil {
		return "", "", err
	}
	return id, key, nil
}

// APIKeys lists the keys, revoked ones too, oldest first.
func (s *Store) APIKeys(ctx context.Context) ([]APIKey, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT id, name, tenant, scopes, created, revoked, expires FROM api_keys ORDER BY created, id")
	list, err := all(rows, err, func(from scanner) (k APIKey, err error) {
		var scopes string
		var created, revoked, expires int64
		err = from.Scan(&k.ID, &k.Name, &k.Tenant, &scopes, &created, &revoked, &expires)
		k.Scopes, k.Created, k.Revoked, k.Expires = strings.Split(scopes, ","), fromMillis(created), fromMillis(revoked), fromMillis(expires)
		return k, err
	})
	return list, s.fail(err)
}

// Holds reports whether a valid key of the tenant names one of the scopes.
func (s *Store) Holds(ctx context.Context, tenant string, scopes ...string) (bool, error) {
	keys, err := s.APIKeys(ctx)
	return slices.ContainsFunc(keys, func(k APIKey) bool {
		return k.Tenant == tenant && k.Revoked.IsZero() && (k.Expires.IsZero() || s.now().Before(k.Expires)) &&
			slices.ContainsFunc(scopes, func(scope string) bool { return slices.Contains(k.Scopes, scope) })
	}), err
}

// RevokeAPIKey ends a key for ever. Revoking again changes nothing.
func (s *Store) RevokeAPIKey(ctx context.Context, id string) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE api_keys SET revoked = CASE WHEN revoked = 0 THEN ? ELSE revoked END WHERE id = ?", t.at.UnixMilli(), id)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New("apikey.missing", "", "there is no API key %s", quote.String(id))
		}
		return t.audit("apikey.revoke", bundle.ID{}, "", "", id)
	})
}

// Authenticate tells who presents the key. A wrong, unknown, revoked or expired one is
// apikey.invalid, and nothing of it is repeated.
func (s *Store) Authenticate(ctx context.Context, key string) (Caller, error) {
	invalid := fault.New("apikey.invalid", "", "the API key is not valid")
	id, _, ok := strings.Cut(strings.TrimPrefix(key, keyPrefix), "_")
	if !ok || len(key) > maxText {
		return Caller{}, invalid
	}
	c := Caller{KeyID: id}
	var scopes string
	var kept []byte
	var revoked, expires int64
	err := s.db.QueryRowContext(ctx, "SELECT name, tenant, scopes, digest, revoked, expires FROM api_keys WHERE id = ?", id).Scan(&c.Name, &c.Tenant, &scopes, &kept, &revoked, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return Caller{}, invalid
	}
	if err != nil {
		return Caller{}, s.fail(err)
	}
	digest := sha256.Sum256([]byte(key))
	if subtle.ConstantTimeCompare(digest[:], kept) != 1 || revoked != 0 || expires != 0 && s.now().UnixMilli() >= expires {
		return Caller{}, invalid
	}
	c.Scopes = strings.Split(scopes, ",")
	return c, nil
}
