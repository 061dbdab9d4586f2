// Package apikeys knows the API's keys that files hold beside those of the
// database: an orchestrator gives them out, and nobody has to run a command.
//
//	keys := apikeys.New(store, config.APIKeys, time.Now)
//	caller, err := keys.Authenticate(ctx, key)
package apikeys

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"time"

	"coldsign/online/internal/config"
	"coldsign/online/internal/store"
)

// Keys is a store that knows the keys of files too.
type Keys struct {
	*store.Store
	fixed []config.APIKey
	now   func() time.Time
}

// New adds keys to those of the store.
func New(s *store.Store, fixed []config.APIKey, now func() time.Time) *Keys {
	return &Keys{s, fixed, now}
}

// Authenticate is the store's. The id of a file's key is "file:" and its name.
func (k *Keys) Authenticate(ctx context.Context, key string) (store.Caller, error) {
	digest := sha256.Sum256([]byte(key))
	for _, f := range k.fixed {
		if subtle.ConstantTimeCompare(digest[:], f.Digest[:]) == 1 && (f.Expires.IsZero() || k.now().Before(f.Expires)) {
			return store.Caller{KeyID: "file:" + f.Name, Name: f.Name, Tenant: f.Tenant, Scopes: f.Scopes}, nil
		}
	}
	return k.Store.Authenticate(ctx, key)
}

// Holds is the store's, of all the keys.
func (k *Keys) Holds(ctx context.Context, tenant string, scopes ...string) (bool, error) {
	for _, f := range k.fixed {
		if f.Tenant == tenant && (f.Expires.IsZero() || k.now().Before(f.Expires)) &&
			slices.ContainsFunc(scopes, func(scope string) bool { return slices.Contains(f.Scopes, scope) }) {
			return true, nil
		}
	}
	return k.Store.Holds(ctx, tenant, scopes...)
}
